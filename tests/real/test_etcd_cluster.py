"""The registry on three etcds of which one goes."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.real.etcd_server import ONE, TWO, address, last, member, registry, watching
from tests.real.program import Program, free_port

pytestmark = pytest.mark.real


@pytest.fixture
def members(tmp_path: Path) -> Iterator[list[Program]]:
    """A cluster of three, of which each is asked for by its own address."""
    peers = [free_port() for _ in range(3)]
    cluster = ",".join(f"m{number}=http://127.0.0.1:{peer}" for number, peer in enumerate(peers))
    programs = [member(tmp_path / f"m{number}", peer, cluster) for number, peer in enumerate(peers)]
    with ThreadPoolExecutor() as pool:  # each is there when the others are
        started = list(pool.map(Program.start, programs))
    assert len(started) == 3
    yield programs
    for program in programs:
        program.kill()


async def test_a_cluster_may_lose_a_member(members: list[Program]) -> None:
    """Whoever of three is killed, nodes stay announced and changes are seen, by those who were linked to it too."""
    addresses = [address(one) for one in members]
    async with (
        registry(*addresses) as ours,
        registry(*addresses) as theirs,
        watching(theirs) as seen,
        ours.register("message", ONE),
    ):
        await seen.until(last(ONE))
        members[0].kill()
        async with ours.register("message", TWO):
            await seen.until(last(ONE, TWO))
            await asyncio.to_thread(members[0].start)
            members[1].kill()
        await seen.until(last(ONE))
        assert [state for state in seen.states if state] == [(ONE,), (ONE, TWO), (ONE,)]


async def test_a_member_that_freezes_is_left(members: list[Program]) -> None:
    """One that keeps its connections and says nothing is noticed by pings, and the next endpoint is asked."""
    frozen, *others = members
    async with (
        registry(address(others[0])) as ours,
        registry(address(frozen), address(others[0])) as theirs,
        watching(theirs) as seen,
        ours.register("message", ONE),
    ):
        await seen.until(last(ONE))
        frozen.freeze()
        try:
            async with ours.register("message", TWO):
                await seen.until(last(ONE, TWO))
                assert [state for state in seen.states if state] == [(ONE,), (ONE, TWO)]
        finally:
            frozen.thaw()
