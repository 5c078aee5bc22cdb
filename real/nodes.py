"""The processes of the mesh: two of each service, over the real parts."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.keys import generate_keys
from real import folder, ready
from real.part.document_store import DocumentStore
from real.part.etcd import Etcd
from real.part.pulsar import Pulsar
from real.part.redis import Redis

BASES: Final[Mapping[str, int]] = {"user": 7820, "group": 7830, "message": 7840, "gateway": 7850, "ai": 7860}
"""Node n of a service listens on this port plus n."""

COPIES: Final = 2
STORES: Final = frozenset({"user", "group", "message", "ai"})


@dataclass(frozen=True, slots=True)
class Node:
    """One process of a service."""

    service: str
    number: int

    @property
    def name(self) -> str:
        """Its name in the registry, and in the commands."""
        return f"{self.service}-{self.number}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return BASES[self.service] + self.number

    def command(self) -> Sequence[str]:
        """What starts it."""
        return (sys.executable, "-m", f"svc_{self.service}")

    def environment(self) -> Mapping[str, str]:
        """Its settings."""
        settings = {
            "PARLEY_ADDRESS": f"127.0.0.1:{self.port}",
            "PARLEY_NODE": self.name,
            "PARLEY_KEYS": str(folder.KEYS),
            "PARLEY_BACKENDS_REGISTRY_URL": Etcd().url(),
            "PARLEY_BACKENDS_KV_URL": Redis().url(),
            "PARLEY_BACKENDS_BROKER_URL": Pulsar().url(),
            "PARLEY_SERVER_TRUST_FORWARDED_ADDRESS": "true",
            "TELEMETRY_LOG_LEVEL": "warning",
            "GRPC_VERBOSITY": "ERROR",
        }
        if self.service in STORES:
            store = f"{DocumentStore().url()}/parley_{self.service}"
            settings[f"PARLEY_{self.service.upper()}_STORE_URL"] = store
        return settings

    def answers(self) -> bool:
        """Whether it takes calls."""
        return ready.serving(self.port)


ALL: Final = tuple(Node(service, number) for service in BASES for number in range(1, COPIES + 1))


def prepare() -> None:
    """Make the keys of the mesh, once."""
    generate_keys(folder.KEYS)


def parse(name: str) -> Node | None:
    """The node of this name, also of one that is not started by default."""
    service, _, number = name.rpartition("-")
    if service in BASES and number.isdecimal() and 0 < int(number) < 10:  # noqa: PLR2004 - its port ends before the next
        return Node(service, int(number))
    return None
