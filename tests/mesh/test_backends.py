import pytest

from mesh.backends import BackendSettings, open_backends
from mesh.clock import FakeClock
from mesh.settings import SettingError, load


async def test_memory_needs_nothing() -> None:
    """With no settings at all there is a registry, a broker and a key-value that work."""
    backends = open_backends(BackendSettings(), FakeClock())
    await backends.kv.put("a", "1", b"x", 1)
    await backends.broker.publish("t", b"x")
    assert backends.registry.nodes("user") == ()


@pytest.mark.parametrize("name", ["registry_url", "broker_url", "kv_url"])
def test_an_unknown_scheme_is_a_setting_error(name: str) -> None:
    """An operator reads which setting is wrong and what there is, and no part of the URL: it may hold a password."""
    url = "carrier-pigeon://user:hunter2@roof"
    settings = load(BackendSettings, {name.upper(): url})
    with pytest.raises(SettingError, match=rf"{name.upper()}: only .*memory://.* supported") as raised:
        open_backends(settings, FakeClock())
    assert "hunter2" not in str(raised.value)
