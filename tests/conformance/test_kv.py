"""What every key-value adapter keeps: a real one joins with one line in STORES, marked `real`."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.clock import FakeClock, SystemClock
from mesh.infrastructure.memory import MemoryKeyValue
from mesh.infrastructure.redis import RedisKeyValue
from mesh.kv import KeyValue
from tests.real.prefix import with_prefix

TTL_S = 2.0
MODEL_TTL_S = 60.0
"""Nothing ends while an example runs."""


@dataclass(frozen=True)
class Pair:
    """One cache as two processes see it, and a way to let time pass there."""

    ours: KeyValue
    theirs: KeyValue
    wait: Callable[[float], Awaitable[None]]


@asynccontextmanager
async def memory() -> AsyncIterator[Pair]:
    clock = FakeClock()
    kv = MemoryKeyValue(clock)

    async def wait(seconds: float) -> None:
        clock.advance(seconds)

    yield Pair(kv, kv, wait)


@asynccontextmanager
async def real_redis() -> AsyncIterator[Pair]:
    """Keys of a prefix of their own; they end by themselves."""
    url, clock = with_prefix(os.environ["PARLEY_TEST_REDIS"], f"test-{secrets.token_hex(6)}/"), SystemClock()
    async with aclosing(RedisKeyValue(url, clock)) as ours, aclosing(RedisKeyValue(url, clock)) as theirs:
        yield Pair(ours, theirs, asyncio.sleep)


STORES = [pytest.param(memory, id="memory")]
if "PARLEY_TEST_REDIS" in os.environ:
    STORES.append(pytest.param(real_redis, id="redis", marks=pytest.mark.real))


@pytest.fixture(params=STORES)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with request.param() as opened:
        yield opened


async def test_fields_are_read_by_everyone_in_one_question(pair: Pair) -> None:
    """Many keys are read at once; a key that is not there is left out."""
    await pair.ours.put("a", "1", b"x", TTL_S)
    await pair.ours.put("a", "2", b"\0\xff", TTL_S)
    await pair.ours.put("b", "1", b"", TTL_S)
    assert await pair.theirs.read(["a", "b", "c"]) == {"a": {"1": b"x", "2": b"\0\xff"}, "b": {"1": b""}}
    assert await pair.theirs.read([]) == {}


async def test_a_field_is_replaced(pair: Pair) -> None:
    """The last put counts, and doing it twice changes nothing."""
    for value in (b"x", b"y", b"y"):
        await pair.ours.put("a", "1", value, TTL_S)
    assert await pair.theirs.read(["a"]) == {"a": {"1": b"y"}}


async def test_a_key_ends_after_its_time(pair: Pair) -> None:
    """What nobody renews goes away by itself, all fields at once."""
    await pair.ours.put("a", "1", b"x", TTL_S)
    await pair.wait(TTL_S / 2)
    assert await pair.theirs.read(["a"])
    await pair.wait(TTL_S)
    assert await pair.theirs.read(["a"]) == {}


async def test_a_touch_lets_keys_live_on_and_names_those_that_are_gone(pair: Pair) -> None:
    """A lease is renewed for many keys at once, and the holder learns what it must write again."""
    await pair.ours.put("a", "1", b"x", TTL_S)
    await pair.wait(TTL_S / 2)
    assert await pair.ours.touch(["a", "gone"], TTL_S) == ["gone"]
    await pair.wait(TTL_S * 0.75)
    assert await pair.theirs.read(["a", "gone"]) == {"a": {"1": b"x"}}


async def test_a_later_put_does_not_shorten_the_life_of_a_key(pair: Pair) -> None:
    """Two holders of fields of one key with different leases do not end each other's."""
    await pair.ours.put("a", "1", b"x", TTL_S * 4)
    await pair.theirs.put("a", "2", b"y", TTL_S / 4)
    await pair.wait(TTL_S)
    assert (await pair.ours.read(["a"]))["a"]["1"] == b"x"


async def test_a_swap_needs_what_it_expects(pair: Pair) -> None:
    """It sets an absent field, or one that holds what was expected, and leaves another alone."""
    assert await pair.ours.swap("a", "1", None, b"x", TTL_S)
    assert not await pair.theirs.swap("a", "1", None, b"y", TTL_S)
    assert not await pair.theirs.swap("a", "1", b"z", b"y", TTL_S)
    assert await pair.theirs.swap("a", "1", b"x", b"y", TTL_S)
    assert await pair.ours.read(["a"]) == {"a": {"1": b"y"}}


async def test_a_swap_that_is_repeated_succeeds_again(pair: Pair) -> None:
    """A client repeats a command whose answer was lost: what it wrote itself is no conflict."""
    assert await pair.ours.swap("a", "1", None, b"x", TTL_S)
    assert await pair.ours.swap("a", "1", None, b"x", TTL_S)
    assert await pair.ours.swap("a", "1", b"older", b"x", TTL_S)


async def test_one_of_many_swaps_wins(pair: Pair) -> None:
    """However many try at once, one value is there, and exactly one was told so."""
    won = await asyncio.gather(
        *((pair.ours, pair.theirs)[number % 2].swap("a", "1", None, b"%d" % number, TTL_S) for number in range(20))
    )
    assert won.count(True) == 1
    assert await pair.ours.read(["a"]) == {"a": {"1": b"%d" % won.index(True)}}


async def test_a_swap_begins_anew_after_the_end_of_a_key(pair: Pair) -> None:
    """An ended field is an absent one."""
    await pair.ours.put("a", "1", b"x", TTL_S)
    await pair.wait(TTL_S * 1.5)
    assert not await pair.ours.swap("a", "1", b"x", b"y", TTL_S)
    assert await pair.ours.swap("a", "1", None, b"y", TTL_S)


async def test_a_field_is_removed(pair: Pair) -> None:
    """With an expectation only when it holds; doing it twice, or to nothing, is no error. Other fields stay."""
    await pair.ours.put("a", "1", b"x", TTL_S)
    await pair.ours.put("a", "2", b"y", TTL_S)
    await pair.theirs.remove("a", "1", b"other")
    assert await pair.ours.read(["a"]) == {"a": {"1": b"x", "2": b"y"}}
    await pair.theirs.remove("a", "1", b"x")
    await pair.theirs.remove("a", "1")
    await pair.theirs.remove("never", "1")
    assert await pair.ours.read(["a"]) == {"a": {"2": b"y"}}
    await pair.theirs.remove("a", "2")
    assert await pair.ours.read(["a"]) == {}


NAMES = st.sampled_from(["a", "b"])
VALUES = st.binary(max_size=2)
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES, NAMES, VALUES),
    st.tuples(st.just("swap"), NAMES, NAMES, st.none() | VALUES, VALUES),
    st.tuples(st.just("remove"), NAMES, NAMES, st.none() | VALUES),
)


@pytest.mark.parametrize("opened", STORES)
@settings(deadline=None)  # a real one is as quick as its machine
@given(st.lists(STEPS, max_size=30))
def test_it_behaves_like_a_dictionary_of_dictionaries(
    opened: Callable[[], AbstractAsyncContextManager[Pair]], steps: list[tuple[str, ...]]
) -> None:
    """Any sequence of operations, each given twice as after a lost answer, leaves what a model says.

    A swap whose repetition differs from its first run is the one thing that would tell the two apart.
    """
    asyncio.run(_compare(opened(), steps))


async def _compare(opened: AbstractAsyncContextManager[Pair], steps: list[tuple[str, ...]]) -> None:
    async with opened as pair:
        kv, model = pair.ours, Model()
        for name, *arguments in steps:
            extra = [] if name == "remove" else [MODEL_TTL_S]
            first = await getattr(kv, name)(*arguments, *extra)
            second = await getattr(kv, name)(*arguments, *extra)
            assert first == second == getattr(model, name)(*arguments)
        assert await kv.read(["a", "b"]) == model.read()


class Model:
    """What the port means, without time."""

    def __init__(self) -> None:
        self._fields: dict[tuple[str, str], bytes] = {}

    def put(self, key: str, field: str, value: bytes) -> None:
        self._fields[key, field] = value

    def swap(self, key: str, field: str, expected: bytes | None, value: bytes) -> bool:
        if self._fields.get((key, field)) not in (expected, value):
            return False
        self._fields[key, field] = value
        return True

    def remove(self, key: str, field: str, expected: bytes | None) -> None:
        if expected is None or self._fields.get((key, field)) == expected:
            self._fields.pop((key, field), None)

    def read(self) -> dict[str, dict[str, bytes]]:
        found: dict[str, dict[str, bytes]] = {}
        for (key, field), value in self._fields.items():
            found.setdefault(key, {})[field] = value
        return found
