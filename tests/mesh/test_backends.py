import asyncio
import re
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

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
    "url",
    [
        "etcd://",
        "etcd://roof",
        "etcd://roof:0",
        "etcd://roof:pigeon",
        "etcd://roof:2379,",
        "etcd://user:hunter2@roof:2379",
        "etcd://roof:2379/path",
        "etcd://roof:2379?prefix=/no-end",
        "etcd://roof:2379?timeout=5",
        "redis://",
        "redis://:hunter2@roof:pigeon",
        "redis://:hunter2@roof:0",
        "redis://:hunter2@roof:6379/first",
        "redis://:hunter2@roof:6379?socket_timeout=900",
        "redis://:hunter2#half@roof:6379",
        "rediss://:hunter2@roof/0?ssl_cert_reqs=none",
    ],
)
def test_a_wrong_url_is_a_setting_error(url: str) -> None:
    """An operator reads the form that it must have, and no part of what it is."""
    name = "registry_url" if url.startswith("etcd") else "kv_url"
    settings = load(BackendSettings, {name.upper(): url})
    with pytest.raises(SettingError, match=rf"^{name.upper()}: must be {url[:4]}.*://") as raised:
        open_backends(settings, FakeClock())
    assert not {"hunter2", "roof", "pigeon"} & set(re.split(r"\W", str(raised.value)))


async def test_real_ones_are_opened_without_being_there() -> None:
    """Wiring needs no part that runs, and what it opened can be closed again."""
    urls = {
        "REGISTRY_URL": "etcd://a:2379,[::1]:2379?prefix=/x/",
        "KV_URL": "rediss://u:p@h/1?ssl_ca_certs=f&prefix=x/",
    }
    backends = open_backends(load(BackendSettings, urls), SystemClock())
    assert backends.registry.nodes("user") == ()
    await backends.aclose()


def test_the_url_of_the_key_value_may_come_from_a_file(tmp_path: Path) -> None:
    """It may hold a password, which is shown nowhere."""
    (tmp_path / "url").write_text("redis://:hunter2@roof\n")
    settings = load(BackendSettings, {"KV_URL_FILE": str(tmp_path / "url")})
    assert settings.kv_url.reveal() == "redis://:hunter2@roof"
    assert "hunter2" not in repr(settings)


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
    drivers = {"_pulsar", "pulsar", "aetcd", "redis", "pymongo"}
    program = f"import sys, standalone.app; print([name for name in {sorted(drivers)} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
