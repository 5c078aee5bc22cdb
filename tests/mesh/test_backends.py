import asyncio
import subprocess
import sys
from contextlib import aclosing

import pytest

from mesh.backends import BackendSettings, open_backends
from mesh.clock import FakeClock, SystemClock
from mesh.errors import MeshError
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


@pytest.mark.parametrize(
    "url, line",
    [
        ("pulsar://user:hunter2@host", "not of the form"),
        ("pulsar://host/hunter2", "not of the form"),
        ("pulsar://", "not of the form"),
        ("pulsar://host:6650?token=hunter2", "no such option: token"),
        ("pulsar://host:6650?token_file=/hunter2", "token_file: No such file"),
    ],
)
async def test_a_wrong_broker_url_is_a_setting_error(url: str, line: str) -> None:
    """An operator reads what is wrong with the URL and no part of it: a secret may stand where none belongs."""
    with pytest.raises(SettingError, match=f"BROKER_URL: {line}") as raised:
        open_backends(BackendSettings(broker_url=url), FakeClock())
    assert "hunter2" not in str(raised.value)


async def test_the_process_closes_what_it_opened() -> None:
    """An adapter that holds connections is given up with the rest; one in memory holds none."""
    backends = open_backends(BackendSettings(broker_url="pulsar://127.0.0.1:1"), SystemClock())
    async with aclosing(backends), backends.broker.subscribe("node-1-b"):
        with pytest.raises(MeshError, match="UNAVAILABLE"):
            await backends.broker.publish("node-1-b", b"x")
    left = {task for task in asyncio.all_tasks() if "broker" in task.get_name()}
    assert left == set()


def test_the_standalone_loads_no_driver() -> None:
    """What runs in memory costs neither the start nor the memory of the drivers of real parts."""
    program = "import sys, standalone.app; print([name for name in ('_pulsar', 'pulsar') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
