"""URL -> adapter: the only place that knows which adapters there are. Opened by wiring alone.

memory://   in the memory of this process: for the standalone and for tests
"""

from dataclasses import dataclass

from mesh.broker import Broker
from mesh.clock import Clock
from mesh.infrastructure.memory import MemoryBroker, MemoryKeyValue, MemoryRegistry
from mesh.kv import KeyValue
from mesh.registry import Registry
from mesh.settings import SettingError


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where registry, broker and key-value are."""

    registry_url: str = "memory://"
    broker_url: str = "memory://"
    kv_url: str = "memory://"


@dataclass(frozen=True, slots=True)
class Backends:
    """The three things that the nodes of a mesh share."""

    registry: Registry
    broker: Broker
    kv: KeyValue


def open_backends(settings: BackendSettings, clock: Clock) -> Backends:
    """The adapters that the settings name. Raises SettingError for a scheme that there is none for."""
    for name, url in (
        ("REGISTRY_URL", settings.registry_url),
        ("BROKER_URL", settings.broker_url),
        ("KV_URL", settings.kv_url),
    ):
        if not url.startswith("memory:"):
            raise SettingError(f"{name}: only memory:// is supported")
    return Backends(MemoryRegistry(), MemoryBroker(), MemoryKeyValue(clock))
