"""URL -> adapter: the only place that knows which adapters there are. Opened by wiring alone.

memory://   in the memory of this process: for the standalone and for tests
pulsar://   the broker on Apache Pulsar; pulsar+ssl:// encrypted. `mesh.infrastructure.pulsar` has the options.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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

    async def aclose(self) -> None:
        """Give up what the adapters hold; the process does so at its end, after everything that uses them."""
        for one in (self.registry, self.broker, self.kv):
            if isinstance(one, _Closing):
                await one.aclose()


@runtime_checkable
class _Closing(Protocol):
    async def aclose(self) -> None: ...


def open_backends(settings: BackendSettings, clock: Clock) -> Backends:
    """The adapters that the settings name. Raises SettingError for a scheme that there is none for."""
    for name, url in (("REGISTRY_URL", settings.registry_url), ("KV_URL", settings.kv_url)):
        if not url.startswith("memory:"):
            raise SettingError(f"{name}: only memory:// is supported")
    return Backends(MemoryRegistry(), _open_broker(settings.broker_url, clock), MemoryKeyValue(clock))


def _open_broker(url: str, clock: Clock) -> Broker:
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryBroker()
    if scheme in {"pulsar", "pulsar+ssl"}:
        from mesh.infrastructure.pulsar import PulsarBroker  # noqa: PLC0415  its driver is loaded where it is used

        return PulsarBroker(url, clock)
    raise SettingError("BROKER_URL: only memory://, pulsar:// and pulsar+ssl:// are supported")
