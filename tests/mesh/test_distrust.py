"""What an operator reads when a part of the mesh shows a certificate that is not to be trusted; needs no such part."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from mesh.backends import BackendSettings, open_backends
from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.infrastructure.etcd_registry import EtcdRegistry
from mesh.infrastructure.mongo import Database, Schema
from mesh.infrastructure.pulsar import PulsarBroker
from mesh.infrastructure.redis import RedisKeyValue
from mesh.registry import Node
from mesh.settings import SettingError
from mesh.trouble import cause
from real.authority import Authority, Pair

CANARY: Final = "canary-8d1f"
WAIT_S: Final = 30.0
UNKNOWN: Final = "its certificate is of an authority that is not trusted"
EXPIRED: Final = "its certificate has expired"

Ask = Callable[[str, Path], Awaitable[None]]
"""Ask something of the part at an address, trusting the authorities of a file, and give up."""


async def etcd(address: str, trusted: Path) -> None:
    node = Node("message-1", CANARY, "10.0.0.1:7001")
    async with aclosing(EtcdRegistry(f"etcds://{address}?ca_file={trusted}", SystemClock())) as registry:
        announced = registry.register("message", node)
        await announced.__aenter__()
        await announced.__aexit__(None, None, None)


async def redis(address: str, trusted: Path) -> None:
    url = f"rediss://:{CANARY}@{address}?ssl_ca_certs={trusted}"
    async with aclosing(RedisKeyValue(url, SystemClock())) as kv:
        with pytest.raises(MeshError, match="UNAVAILABLE"):
            await kv.read(["a"])


async def mongo(address: str, trusted: Path) -> None:
    url = f"mongodb://me:{CANARY}@{address}/database?tls=true&tlsCAFile={trusted}"
    database = Tried(url, Schema("message", ()), call_s=1.0)
    opening = asyncio.create_task(database.open())
    await database.tried.wait()
    opening.cancel()
    await asyncio.wait({opening})
    await database.close()
    assert opening.cancelled()


class Tried(Database):
    """One that says when it has looked for its server once."""

    def __init__(self, url: str, schema: Schema, call_s: float) -> None:
        super().__init__(url, schema, call_s=call_s)
        self.tried = asyncio.Event()

    async def _is_open(self) -> bool:
        found = await super()._is_open()
        self.tried.set()
        return found


async def pulsar(address: str, trusted: Path) -> None:
    (trusted.parent / "token").write_text(CANARY)
    url = f"pulsar+ssl://{address}?ca_file={trusted}&token_file={trusted.parent / 'token'}"
    async with aclosing(PulsarBroker(url, SystemClock())) as broker:
        with pytest.raises(MeshError, match="UNAVAILABLE"):
            await broker.publish("node-1-b", CANARY.encode())


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer for a handshake than a mesh waits for its cache."""
    for name in ("CONNECT_S", "ANSWER_S", "BATCH_S"):
        monkeypatch.setattr(f"mesh.infrastructure.redis.{name}", WAIT_S)


PARTS: Final = [
    pytest.param(etcd, "etcd_not_announced", id="etcd"),
    pytest.param(redis, "redis_away", id="redis"),
    pytest.param(mongo, "store_failing", id="mongo"),
    pytest.param(pulsar, "broker_refused", id="pulsar"),
]


@asynccontextmanager
async def showing(pair: Pair) -> AsyncIterator[str]:
    """A server that shows this certificate, and has nothing to say to those who trust it; yields its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)

    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(leave, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def said(ask: Ask, address: str, trusted: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the log; none has a secret, and they come in time."""
    async with asyncio.timeout(WAIT_S):
        await ask(address, trusted)
    found = capsys.readouterr()
    assert CANARY not in found.out + found.err
    return found.out.splitlines()


@pytest.mark.parametrize("ask, event", PARTS)
async def test_an_expired_certificate_is_told_in_one_line(
    ask: Ask, event: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever operates the mesh reads once that it has expired, nothing hangs, and no secret is in the log."""
    authority = Authority(tmp_path / "ours")
    async with showing(authority.issue("server", dt.timedelta(minutes=-1))) as address:
        lines = await said(ask, address, authority.certificate, capsys)
    assert [event in line for line in lines if EXPIRED in line] == [True]


@pytest.mark.parametrize("ask, event", PARTS)
async def test_a_certificate_of_somebody_else_is_told_in_one_line(
    ask: Ask, event: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for one of an authority that is not ours."""
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    async with showing(theirs.issue("server")) as address:
        lines = await said(ask, address, ours.certificate, capsys)
    assert [event in line for line in lines if UNKNOWN in line] == [True]


@pytest.mark.parametrize("ask, event", PARTS)
async def test_a_part_that_is_only_away_is_not_called_untrusted(
    ask: Ask, event: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good certificate of a server that breaks every connection is no trouble with certificates."""
    authority = Authority(tmp_path / "ours")
    async with showing(authority.issue("server")) as address:
        lines = await said(ask, address, authority.certificate, capsys)
    assert not [line for line in lines if "certificate" in line]


def test_the_words_of_a_driver_stay_with_it() -> None:
    """Of what a driver says, and of what lies behind it, only our own words are handed on."""
    error = ConnectionError(f"cannot connect to {CANARY}")
    error.__cause__ = ssl.SSLError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired {CANARY}")
    assert cause(error) == EXPIRED
    assert cause(ConnectionError(CANARY)) == ""


@pytest.mark.parametrize(
    "query, line",
    [
        ("?ca_file=/canary-8d1f", "ca_file: No such file or directory"),
        ("?ca_file={here}", "ca_file: not a PEM file"),
        ("?cert_file={here}", "must be etcd"),
        ("?password=canary-8d1f", "must be etcd"),
    ],
)
def test_a_file_that_is_none_is_a_setting_error(query: str, line: str) -> None:
    """An operator reads which option is wrong, and not what stands in it."""
    url = "etcds://127.0.0.1:1" + query.format(here=__file__)
    with pytest.raises(SettingError, match=f"^REGISTRY_URL: {line}") as raised:
        open_backends(BackendSettings(registry_url=url), SystemClock())
    assert CANARY not in str(raised.value)
