"""Turns: who writes when, and that nobody waits for ever."""

import asyncio
from functools import partial

import pytest

from svc_gateway.application.turns import AT_ONCE, Turns


async def spins(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_a_turn_begins_few_writes_and_each_comes_once() -> None:
    """However many wait, one turn of the loop begins so many, first come first served, until all have had theirs."""
    turns, begun = Turns(), list[int]()
    for number in range(10 * AT_ONCE):
        turns.deliver(partial(begun.append, number))
    for turn in range(1, 11):
        await spins(1)
        assert begun == list(range(turn * AT_ONCE))
    await spins(3)
    assert len(begun) == 10 * AT_ONCE


async def test_answers_go_first_and_deliveries_still_move() -> None:
    """With many of both waiting, most of a turn is for answers, and deliveries have a part in each."""
    turns, begun = Turns(), list[str]()
    for _ in range(10 * AT_ONCE):
        turns.deliver(partial(begun.append, "delivery"))
        turns.answer(partial(begun.append, "answer"))
    await spins(1)
    assert begun[0] == "answer"
    assert begun.count("answer") > begun.count("delivery") > 0
    await spins(25)
    assert begun.count("answer") == begun.count("delivery") == 10 * AT_ONCE


async def test_a_write_that_fails_to_begin_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """What it raises goes to the loop, and the others have their turn."""
    turns, begun, reported = Turns(), list[int](), list[dict[str, object]]()

    def fail() -> None:
        raise ValueError("cannot begin")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    turns.deliver(fail)
    for number in range(2 * AT_ONCE):
        turns.deliver(partial(begun.append, number))
    await spins(5)
    assert begun == list(range(2 * AT_ONCE))
    assert len(reported) == 1
