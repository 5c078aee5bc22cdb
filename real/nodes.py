"""The processes of the mesh: two of each service, over the real parts."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.keys import generate_keys
from real import folder, ports, ready, trust
from real.part import media_store
from real.part.document_store import DocumentStore
from real.part.etcd import Etcd
from real.part.pulsar import Pulsar
from real.part.redis import Redis

COPIES: Final = 2
KNOWN: Final = 4
"""Nodes of each service that the edge looks for: those that are not there get nothing until they are."""

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
        return ports.NODES[self.service] + self.number

    def command(self) -> Sequence[str]:
        """What starts it."""
        return (sys.executable, "-m", f"svc_{self.service}")

    def environment(self) -> Mapping[str, str]:
        """Its settings: those below, what `make real` was given besides, and who and where it is."""
        settings = {
            "PARLEY_KEYS": str(folder.KEYS),
            "PARLEY_BACKENDS_REGISTRY_URL": Etcd().url(),
            "PARLEY_BACKENDS_KV_URL_FILE": str(trust.secret_file("kv.url", Redis().url())),
            "PARLEY_BACKENDS_BROKER_URL": Pulsar().url(),
            "PARLEY_SERVER_TRUST_FORWARDED_ADDRESS": "true",
            "PARLEY_TELEMETRY_LOG_LEVEL": "warning",
            "GRPC_VERBOSITY": "ERROR",
        }
        if self.service in STORES:
            settings[f"PARLEY_{self.service.upper()}_STORE_URL"] = DocumentStore().database(f"parley_{self.service}")
        if self.service == "message":
            settings |= media_store.settings()
        itself = {"PARLEY_ADDRESS": f"127.0.0.1:{self.port}", "PARLEY_NODE": self.name}
        mine = given(self.service, os.environ)
        if "PARLEY_BACKENDS_KV_URL" in mine:
            del settings["PARLEY_BACKENDS_KV_URL_FILE"]  # a node refuses both
        return settings | mine | itself

    def answers(self) -> bool:
        """Whether it takes calls."""
        return ready.serving(self.port)


ALL: Final = tuple(Node(service, number) for service in ports.NODES for number in range(1, COPIES + 1))


def given(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the environment that this service knows: a node does not start with those of another."""
    others = [other.upper() for other in ports.NODES if other != service]
    strange = tuple(f"PARLEY_{word}_" for word in ("REAL", "TEST", *others))
    mine = {name: value for name, value in environment.items() if name.startswith("PARLEY_")}
    return {name: value for name, value in mine.items() if not name.startswith(strange)}


def prepare() -> None:
    """Make the keys of the mesh, once, and say what the mesh goes without."""
    media_store.tell()
    generate_keys(folder.KEYS)


def parse(name: str) -> Node | None:
    """The node of this name, also of one that is not started by default."""
    service, _, number = name.rpartition("-")
    if service in ports.NODES and number.isdecimal() and 0 < int(number) < 10:  # noqa: PLR2004 - its port ends before the next
        return Node(service, int(number))
    return None
