"""Stopping an answer: who may, how fast, and what is kept."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

import pytest

from mesh.errors import Code, MeshError
from parley.ai.v1.reply_pb2 import FINISH_REASON_CANCELLED, REPLY_FAILURE_CANCELLED
from parley.message.v1.body_pb2 import AssistantReply
from svc_ai.domain.usage import Daily, DayUse
from svc_ai.infrastructure.scripted import STORY
from svc_ai.infrastructure.sqlite.usage import SqliteUsage
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, World, until

SLOW = replace(FAST, scripted=replace(FAST.scripted, word_seconds=0.01))
HANGING = replace(FAST, bounds=replace(FAST.bounds, seconds=30.0, piece_seconds=30.0))


async def test_what_was_written_is_kept(at_work: World) -> None:
    """A cancelled answer ends within a second of words, with its text so far and the mark that it was cancelled."""
    async with at_work.process(SLOW) as node:
        await at_work.logs.say(ANN, "tell me a long story")
        await until(lambda: "delta" in at_work.logs.kinds())
        reply_id = at_work.logs.events[0].reply_id
        told = sum(len(event.delta.text) for event in at_work.logs.events)
        assert await node.cancel(ANN, reply_id=reply_id) == [reply_id]
        await until(lambda: "finish" in at_work.logs.kinds())
        assert await node.cancel(ANN, reply_id=reply_id) == []
    [answer] = at_work.logs.answers()
    assert answer.finish == AssistantReply.FINISH_CANCELLED
    assert answer.text
    assert len(answer.text[told:].split()) < 1 / SLOW.scripted.word_seconds
    assert STORY.startswith(answer.text[: len(STORY)])
    assert at_work.logs.events[-1].finish.finish_reason == FINISH_REASON_CANCELLED


@pytest.mark.parametrize("all_of_them", [False, True])
async def test_any_node_stops_what_another_writes(at_work: World, *, all_of_them: bool) -> None:
    """A cancel may come to a node that does not write the answer: it is stopped where it is written, once."""
    async with at_work.process(SLOW, "one") as one, at_work.process(SLOW, "two") as two:
        await at_work.logs.say(ANN, "tell me a long story")
        await until(lambda: "delta" in at_work.logs.kinds())
        reply_id = at_work.logs.events[0].reply_id
        target = {"conversation_id": DIRECT} if all_of_them else {"reply_id": reply_id}
        stopped = [await node.cancel(ANN, **target) for node in (one, two)]
        assert stopped == [[reply_id], []]
        await until(lambda: "finish" in at_work.logs.kinds())
        assert (await _refused(two.cancel(BOB, reply_id=reply_id))).reason == "REPLY_NOT_FOUND"
    [answer] = at_work.logs.answers()
    assert answer.finish == AssistantReply.FINISH_CANCELLED


async def test_a_cancel_before_the_first_word_leaves_no_entry(at_work: World) -> None:
    """Nothing was written, so nothing is appended; the devices are told, and the next question is answered."""
    async with at_work.process(HANGING) as node:
        await at_work.logs.say(ANN, "hang now")
        await until(lambda: "open" in at_work.logs.kinds())
        assert len(await node.cancel(ANN, conversation_id=DIRECT)) == 1
        await until(lambda: "failed" in at_work.logs.kinds())
        await at_work.logs.say(ANN, "hello")
        await until(lambda: "finish" in at_work.logs.kinds())
    failed = at_work.logs.events[1].failed
    assert (failed.failure, failed.entry_seq, failed.retryable) == (REPLY_FAILURE_CANCELLED, 0, False)
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers()] == [2]


@pytest.mark.parametrize("all_of_them", [False, True])
async def test_an_admin_of_the_group_may_cancel(at_work: World, *, all_of_them: bool) -> None:
    """Whoever leads a group stops what others asked there, by its id or all of it, whichever node writes it."""
    at_work.logs.admins.add(BOB)
    async with at_work.process(SLOW, "one") as one, at_work.process(SLOW, "two") as two:
        await at_work.logs.say(ANN, "tell me a long story", ASSISTANT, to=GROUP)
        await until(lambda: "delta" in at_work.logs.kinds())
        reply_id = at_work.logs.events[0].reply_id
        target = {"conversation_id": GROUP} if all_of_them else {"reply_id": reply_id}
        assert [await node.cancel(BOB, **target) for node in (one, two)] == [[reply_id], []]
        await until(lambda: "finish" in at_work.logs.kinds())


async def test_in_a_group_only_who_asked_may_cancel(at_work: World) -> None:
    """To a member who is no admin someone else's answer is not found, in the same words as one that does not exist."""
    async with at_work.process(SLOW) as node:
        await at_work.logs.say(ANN, "tell me a long story", ASSISTANT, to=GROUP)
        await until(lambda: "delta" in at_work.logs.kinds())
        reply_id = at_work.logs.events[0].reply_id
        refusals = [await _refused(node.cancel(BOB, reply_id=id_)) for id_ in (reply_id, "r000000000000000")]
        assert await node.cancel(BOB, conversation_id=GROUP) == []
        assert await node.cancel(ANN, conversation_id=GROUP) == [reply_id]
        await until(lambda: "finish" in at_work.logs.kinds())
    assert {(error.code, error.reason, error.message) for error in refusals} == {
        (Code.NOT_FOUND, "REPLY_NOT_FOUND", refusals[0].message)
    }


@pytest.mark.parametrize("conversation", [DIRECT, GROUP])
async def test_outsiders_learn_nothing_of_a_conversation(at_work: World, conversation: str) -> None:
    """Whether there is such a conversation is not told to those who cannot read it."""
    async with at_work.process() as node:
        error = await _refused(node.cancel("u00000000000zzzz", conversation_id=conversation))
    assert error.reason == "CONVERSATION_NOT_FOUND"


async def _refused(call: Coroutine[None, None, list[str]]) -> MeshError:
    with pytest.raises(MeshError) as caught:
        await call
    return caught.value


async def test_a_cancel_counts_while_the_budget_is_looked_at(at_work: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices know an answer from its first step on, which is before anybody has found out whether it may be given."""
    looked, of = asyncio.Event(), SqliteUsage.of

    async def late(usage: SqliteUsage, user_id: str, day: int) -> DayUse:
        await looked.wait()
        return await of(usage, user_id, day)

    monkeypatch.setattr(SqliteUsage, "of", late)
    async with at_work.process(replace(SLOW, daily=Daily(requests=100))) as node:
        await at_work.logs.say(ANN, "tell me a long story")
        await until(lambda: "open" in at_work.logs.kinds())
        reply_id = at_work.logs.events[0].reply_id
        assert await node.cancel(ANN, reply_id=reply_id) == [reply_id]
        looked.set()
        await until(lambda: "failed" in at_work.logs.kinds())
    assert at_work.logs.answers() == []
