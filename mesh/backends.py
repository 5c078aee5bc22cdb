"""URL -> adapter: the only place that knows which adapters there are. Opened by wiring alone.

memory://   in the memory of this process: for the standalone and for tests
etcd://     the registry on etcd: etcd://host:port[,host:port...][?prefix=/ending/with/a/slash/]; etcds:// with TLS
redis://    the key-value on Redis: redis://[[user]:password@]host[:port][/database]; rediss:// with TLS
pulsar://   the broker on Apache Pulsar; pulsar+ssl:// encrypted. `mesh.infrastructure.pulsar` has the options.

Nothing connects here: the parts may come later than the process, in any order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mesh.broker import Broker
from mesh.clock import Clock
from mesh.infrastructure.memory import MemoryBroker, MemoryKeyValue, MemoryRegistry
from mesh.kv import KeyValue
from mesh.registry import Registry
from mesh.settings import Secret, SettingError
from mesh.vitals import Part


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where registry, broker and key-value are. The key-value's URL may hold a password."""

    registry_url: str = "memory://"
    broker_url: str = "memory://"
    kv_url: Secret = Secret("memory://")


@dataclass(frozen=True, slots=True)
class Backends:
    """The three things that the nodes of a mesh share."""

    registry: Registry
    broker: Broker
    kv: KeyValue

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Those of the three that are outside of this process, with what they are for."""
        for name, one in (("registry", self.registry), ("broker", self.broker), ("cache", self.kv)):
            if isinstance(one, Part):
                yield name, one

    async def aclose(self) -> None:
        """Give up what the adapters hold; the process does so at its end, after everything that uses them."""
        for one in (self.registry, self.broker, self.kv):
            if isinstance(one, _Closing):
                await one.aclose()


@runtime_checkable
class _Closing(Protocol):
    async def aclose(self) -> None: ...


def open_backends(settings: BackendSettings, clock: Clock) -> Backends:
    """The adapters that the settings name. Raises SettingError for a scheme that there is none for, or a wrong URL."""
    return Backends(
        _open_registry(settings.registry_url, clock),
        _open_broker(settings.broker_url, clock),
        _open_kv(settings.kv_url.reveal(), clock),
    )


def _open_registry(url: str, clock: Clock) -> Registry:
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryRegistry()
    if scheme in {"etcd", "etcds"}:
        from mesh.infrastructure import etcd_registry, etcd_url  # noqa: PLC0415  its driver is loaded where it is used

        try:
            return etcd_registry.EtcdRegistry(url, clock)
        except ValueError:
            raise SettingError(f"REGISTRY_URL: must be {etcd_url.FORM}") from None
    raise SettingError("REGISTRY_URL: only memory://, etcd:// and etcds:// are supported")


def _open_broker(url: str, clock: Clock) -> Broker:
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryBroker()
    if scheme in {"pulsar", "pulsar+ssl"}:
        from mesh.infrastructure.pulsar import PulsarBroker  # noqa: PLC0415  its driver is loaded where it is used

        return PulsarBroker(url, clock)
    raise SettingError("BROKER_URL: only memory://, pulsar:// and pulsar+ssl:// are supported")


def _open_kv(url: str, clock: Clock) -> KeyValue:
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryKeyValue(clock)
    if scheme in {"redis", "rediss"}:
        from mesh.infrastructure import redis  # noqa: PLC0415  its driver is loaded where it is used

        try:
            return redis.RedisKeyValue(url, clock)
        except ValueError:
            raise SettingError(f"KV_URL: must be {redis.FORM}") from None
    raise SettingError("KV_URL: only memory://, redis:// and rediss:// are supported")
