"""The key-value on a Redis that is killed, frozen, flushed, full and late."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from mesh.clock import SystemClock
from mesh.errors import Code, MeshError
from mesh.infrastructure.redis import RedisKeyValue
from mesh.kv import KeyValue
from tests.proxy import Proxy
from tests.real.certificate import write_certificate
from tests.real.program import Program, free_port, saying

pytestmark = pytest.mark.real

TTL_S = 60.0
SOON_S = 3.0
"""The bound of one call, whatever the state of Redis: two seconds and what a busy machine adds."""

WAIT_S = 20.0
PASSWORD = "canary-8d1f"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    """A Redis that is not started yet, keeps nothing on the disk, and wants a password."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]
    program = Program(["redis-server", *options], port, tmp_path, saying(port, b"PING\r\n", b"NOAUTH"))
    yield program
    program.kill()


@pytest.fixture
def running(server: Program) -> Program:
    """A Redis that runs."""
    server.start()
    return server


def url(server: Program, password: str = PASSWORD) -> str:
    return f"redis://:{password}@127.0.0.1:{server.port}/3"


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[RedisKeyValue]:
    async with aclosing(RedisKeyValue(address, SystemClock())) as kv:
        yield kv


@pytest.fixture
async def kv(running: Program) -> AsyncIterator[RedisKeyValue]:
    """The adapter over a Redis that runs."""
    async with opened(url(running)) as kv:
        yield kv


@pytest.fixture
async def operator(running: Program) -> AsyncIterator["Redis"]:
    """Somebody else who uses the same Redis."""
    async with Redis.from_url(url(running)) as client:
        yield client


CALLS: list[Callable[[KeyValue], Awaitable[Any]]] = [
    lambda kv: kv.put("a", "1", b"x", TTL_S),
    lambda kv: kv.swap("a", "1", None, b"x", TTL_S),
    lambda kv: kv.remove("a", "1"),
    lambda kv: kv.remove("a", "1", b"x"),
    lambda kv: kv.read(["a"]),
    lambda kv: kv.touch(["a"], TTL_S),
]


async def all_unavailable(kv: KeyValue) -> None:
    """Each operation is refused in the one way that callers know, and soon."""
    for call in CALLS:
        async with asyncio.timeout(SOON_S):
            with pytest.raises(MeshError) as raised:
                await call(kv)
        assert raised.value.code is Code.UNAVAILABLE
        assert raised.value.reason == "SERVICE_UNAVAILABLE"
        assert raised.value.retry_after


async def healed(kv: KeyValue) -> None:
    """Wait until it answers; whatever else than MeshError it raises on the way fails the test."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with suppress(MeshError):
                await kv.read(["a"])
                return
            await asyncio.sleep(0.01)


async def test_a_killed_redis_is_refused_at_once_and_heals(running: Program, kv: RedisKeyValue) -> None:
    """While it is away nobody waits, and when it is back, empty, the holder learns what is gone."""
    await kv.put("a", "1", b"x", TTL_S)
    running.kill()
    await all_unavailable(kv)
    await asyncio.to_thread(running.start)
    await healed(kv)
    assert await kv.touch(["a"], TTL_S) == ["a"]
    assert await kv.swap("a", "1", None, b"x", TTL_S)
    assert await kv.read(["a"]) == {"a": {"1": b"x"}}


async def test_a_restart_between_two_calls_is_not_seen(running: Program, kv: RedisKeyValue) -> None:
    """A connection that died while nobody used it costs no error: the command is given again."""
    await kv.put("a", "1", b"x", TTL_S)
    running.kill()
    await asyncio.to_thread(running.start)
    assert await kv.touch(["a"], TTL_S) == ["a"]


async def test_a_frozen_redis_costs_a_bounded_time_once(running: Program, kv: RedisKeyValue) -> None:
    """Who meets it first waits for a bounded time, the others not at all, and it heals when it goes on."""
    await kv.put("a", "1", b"x", TTL_S)
    running.freeze()
    try:
        await all_unavailable(kv)
        began = time.monotonic()
        await all_unavailable(kv)
        assert time.monotonic() - began < 0.5
    finally:
        running.thaw()
    await healed(kv)
    assert set(await kv.read(["a"])) <= {"a"}


async def test_everyone_who_waits_for_a_frozen_redis_is_answered(running: Program, kv: RedisKeyValue) -> None:
    """However many wait, the bound is that of one."""
    await kv.read(["a"])
    running.freeze()
    try:
        async with asyncio.timeout(SOON_S):
            asked = [asyncio.create_task(kv.read([f"k{number}"])) for number in range(1_000)]
            await asyncio.sleep(0.1)
            asked += [asyncio.create_task(kv.read([f"k{number}"])) for number in range(1_000)]
            ended = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, MeshError) and one.code is Code.UNAVAILABLE for one in ended)
    finally:
        running.thaw()


async def test_what_waits_is_bounded(running: Program, kv: RedisKeyValue) -> None:
    """More than fits is refused at once, and what was let in is answered."""
    asked = [asyncio.create_task(kv.read([f"k{number}"] * 100)) for number in range(300)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in ended if isinstance(one, BaseException)]
    assert len(refused) == 100
    assert all(isinstance(one, MeshError) and one.code is Code.UNAVAILABLE for one in refused)


async def test_a_flushed_redis_names_what_is_gone(kv: RedisKeyValue, operator: "Redis") -> None:
    """Nothing but the data is lost: the next call works."""
    await kv.put("a", "1", b"x", TTL_S)
    await operator.flushall()
    assert await kv.touch(["a"], TTL_S) == ["a"]
    await kv.put("a", "1", b"y", TTL_S)
    assert await kv.read(["a"]) == {"a": {"1": b"y"}}


async def test_a_cancelled_call_leaves_no_answer_to_the_next(running: Program) -> None:
    """However far a call had come when its caller went away, the next one gets its own answer."""
    async with Proxy(f"127.0.0.1:{running.port}") as proxy, opened(f"redis://:{PASSWORD}@{proxy.address}") as kv:
        for number in range(20):
            await kv.put(f"k{number}", "1", b"%d" % number, TTL_S)
        proxy.delay = 0.02
        for number in range(19):
            call = asyncio.create_task(kv.read([f"k{number}"]))
            await asyncio.sleep(number / 500)
            call.cancel()
            assert await kv.read([f"k{number + 1}"]) == {f"k{number + 1}": {"1": b"%d" % (number + 1)}}


async def test_calls_that_come_together_travel_together(running: Program, kv: RedisKeyValue, operator: "Redis") -> None:
    """A thousand calls at once are a few round trips, and each gets its own answer."""
    await asyncio.gather(*(kv.put(f"k{number}", "1", b"%d" % number, TTL_S) for number in range(1_000)))
    before = (await operator.info("stats"))["total_reads_processed"]
    found = await asyncio.gather(*(kv.read([f"k{number}"]) for number in range(1_000)))
    after = (await operator.info("stats"))["total_reads_processed"]
    assert found == [{f"k{number}": {"1": b"%d" % number}} for number in range(1_000)]
    assert after - before < 20


async def test_a_refused_command_costs_only_the_one_who_gave_it(kv: RedisKeyValue, operator: "Redis") -> None:
    """A key that holds something else is nobody else's trouble, though all travel in one batch."""
    await operator.set("parley/odd", b"x")
    await kv.put("a", "1", b"x", TTL_S)
    good, bad, touched = await asyncio.gather(
        kv.read(["a"]), kv.read(["odd"]), kv.touch(["a"], TTL_S), return_exceptions=True
    )
    assert good == {"a": {"1": b"x"}}
    assert touched == []
    assert isinstance(bad, MeshError)
    assert bad.code is Code.UNAVAILABLE


async def test_every_key_ends(kv: RedisKeyValue, operator: "Redis") -> None:
    """No way of writing leaves a key that stays for ever, or that ends before its time."""
    await kv.put("put", "1", b"x", TTL_S)
    await kv.swap("swap", "1", None, b"x", TTL_S)
    await kv.put("late", "1", b"x", TTL_S)
    await kv.put("late", "1", b"x", 1.0)
    await kv.put("touched", "1", b"x", 1.0)
    await kv.touch(["touched"], TTL_S)
    for key in ("put", "swap", "late", "touched"):
        assert (TTL_S - 10) * 1_000 < await operator.pttl(f"parley/{key}") <= TTL_S * 1_000


async def test_a_wrong_password_is_a_cache_that_is_away(running: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused like any other trouble, and told in the log, without the password."""
    async with opened(url(running, "wrong-" + PASSWORD)) as kv:
        await all_unavailable(kv)
    said = capsys.readouterr()
    assert ["redis_away" in line for line in said.out.splitlines() if "the password is refused" in line] == [True]
    assert PASSWORD not in said.out + said.err


async def test_over_tls_the_certificate_counts(tmp_path: Path) -> None:
    """With TLS it works for who trusts the authority, and another one's Redis is a cache that is away."""
    plain, encrypted, (certificate, key) = free_port(), free_port(), write_certificate(tmp_path)
    files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
    options = ["--port", str(plain), "--tls-port", str(encrypted), "--bind", "127.0.0.1", "--save", "", *files]
    with with_tls(Program(["redis-server", *options], plain, tmp_path, saying(plain, b"PING\r\n", b"PONG"))):
        address = f"rediss://127.0.0.1:{encrypted}"
        async with opened(f"{address}?ssl_ca_certs={certificate}") as kv:
            await kv.put("a", "1", b"x", TTL_S)
            assert await kv.read(["a"]) == {"a": {"1": b"x"}}
        async with opened(address) as kv:
            await all_unavailable(kv)


@contextmanager
def with_tls(program: Program) -> Iterator[None]:
    try:
        program.start()
    except RuntimeError as error:
        if "Bad directive" in str(error):
            pytest.skip("this Redis was built without TLS")
        raise
    try:
        yield
    finally:
        program.kill()


async def test_a_process_may_come_before_redis(server: Program) -> None:
    """Nothing waits for it, and all is well when it comes."""
    async with opened(url(server)) as kv:
        await all_unavailable(kv)
        await asyncio.to_thread(server.start)
        await healed(kv)
        await kv.put("a", "1", b"x", TTL_S)
        assert await kv.read(["a"]) == {"a": {"1": b"x"}}


async def test_closing_answers_those_who_wait(running: Program) -> None:
    """Nobody is left behind when the process ends, and who asks later is refused."""
    async with opened(url(running)) as kv:
        await kv.read(["a"])
        running.freeze()
        asked = [asyncio.create_task(kv.read(["a"])) for _ in range(3)]
        await asyncio.sleep(0.1)
    running.thaw()
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, MeshError) and one.code is Code.UNAVAILABLE for one in ended)
    await all_unavailable(kv)
