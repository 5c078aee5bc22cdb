"""The real parts: each knows how it is got, started and found ready."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from real.part.document_store import DocumentStore
from real.part.etcd import Etcd
from real.part.media_store import here
from real.part.model_server import wanted
from real.part.pulsar import Pulsar
from real.part.redis import Redis


class Part(Protocol):
    """A server that is not ours."""

    name: str
    port: int

    def install(self) -> None:
        """Get it, unless it is there. Raises InstallError."""

    def command(self) -> Sequence[str]:
        """What starts it; it stays in the foreground."""

    def environment(self) -> Mapping[str, str]:
        """What it finds in its environment besides."""

    def answers(self) -> bool:
        """Whether it is ready."""

    def url(self) -> str:
        """How the mesh and the tests name it."""


ALL: Sequence[Part] = (Etcd(), Redis(), DocumentStore(), Pulsar(), *here(), *wanted())
