"""Single questions that travel together."""

import asyncio
from collections.abc import Sequence

import pytest

from mesh import errors, questions
from mesh.caller import call_deadline
from mesh.errors import MeshError
from mesh.questions import MAX_KEYS, Questions


class Oracle:
    """Answers with the double; holds its answers while `held` is clear."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.held = asyncio.Event()
        self.held.set()
        self.failure: Exception | None = None
        self.deadlines: list[float | None] = []

    async def ask(self, keys: Sequence[int]) -> dict[int, int]:
        self.calls.append(list(keys))
        self.deadlines.append(call_deadline.get())
        await self.held.wait()
        if self.failure is not None:
            raise self.failure
        return {key: 2 * key for key in keys}


async def test_what_is_asked_at_once_is_one_call() -> None:
    """Many who ask in one turn share a call, whoever asks the same shares the answer, and each gets its own."""
    oracle = Oracle()
    asked = Questions(oracle.ask)
    answers = await asyncio.gather(*(asked.answer(key % 100) for key in range(300)))
    assert answers == [2 * (key % 100) for key in range(300)]
    assert [len(call) for call in oracle.calls] == [100]


async def test_what_comes_while_a_call_is_on_its_way_goes_with_the_next() -> None:
    """An answer is never older than its question, and a call holds no more than its contract allows."""
    oracle = Oracle()
    oracle.held.clear()
    asked = Questions(oracle.ask)
    first = asyncio.create_task(asked.answer(1))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(asked.answer(key)) for key in range(MAX_KEYS + 1)]
    await asyncio.sleep(0)
    oracle.held.set()
    assert await first == 2
    assert await asyncio.gather(*later) == [2 * key for key in range(MAX_KEYS + 1)]
    assert [len(call) for call in oracle.calls] == [1, MAX_KEYS, 1]


@pytest.mark.parametrize("failure", [errors.unavailable("SERVICE_UNAVAILABLE", "away"), ValueError("a bug")])
async def test_a_failure_goes_to_all_who_asked_and_to_nobody_else(failure: Exception) -> None:
    """Whoever waits for a call that fails is told so, and the next question is asked again."""
    oracle = Oracle()
    asked = Questions(oracle.ask)
    oracle.failure = failure
    told = await asyncio.gather(asked.answer(1), asked.answer(2), return_exceptions=True)
    assert [one is failure for one in told] == [True, True]
    oracle.failure = None
    assert await asked.answer(1) == 2


async def test_who_gives_up_takes_nobody_along() -> None:
    """One who stops waiting, or whose own call must end soon, changes nothing for those who asked with them."""
    oracle = Oracle()
    oracle.held.clear()
    asked = Questions(oracle.ask)
    call_deadline.set(asyncio.get_running_loop().time() + 0.001)
    hasty, patient = asyncio.create_task(asked.answer(1)), asyncio.create_task(asked.answer(1))
    await asyncio.sleep(0.01)
    hasty.cancel()
    await asyncio.gather(hasty, return_exceptions=True)
    oracle.held.set()
    assert await patient == 2
    assert (hasty.cancelled(), oracle.deadlines) == (True, [None])


async def test_no_more_may_wait_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many questions wait the next one is refused, with a time to come again."""
    monkeypatch.setattr(questions, "MAX_WAITING", 2)
    asked = Questions(Oracle().ask)
    waiting = [asyncio.create_task(asked.answer(key)) for key in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(MeshError) as refused:
        await asked.answer(3)
    assert (refused.value.reason, refused.value.retry_after) == ("OVERLOADED", 1.0)
    assert await asyncio.gather(*waiting) == [0, 2]
