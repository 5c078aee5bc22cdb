"""Answers that are asked for anew: one new entry for each request, whoever crashes."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from mesh.errors import Code, MeshError
from parley.ai.v1 import ai_pb2
from parley.ai.v1.assistant_service_pb2 import RegenerateReplyRequest
from parley.message.v1.body_pb2 import AssistantReply, Body, Text
from parley.message.v1.entry_pb2 import Content, Edit
from svc_ai.application import renew
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.test_settings import change, ready
from tests.svc_ai.world import FAST, Running, World, until

SLOW = replace(FAST, scripted=replace(FAST.scripted, word_seconds=0.01))
OTHER = "u00000000000zzzz"


async def again(node: Running, seq: int = 1, user_id: str = ANN, to: str = DIRECT, request_id: str = "r1") -> str:
    """Have an entry answered anew; return the id of the reply."""
    request = RegenerateReplyRequest(request_id=request_id, conversation_id=to, seq=seq)
    return (await node.ask("RegenerateReply", request, user_id)).reply_id  # type: ignore[no-any-return]


async def refused(call: Coroutine[Any, Any, str]) -> MeshError:
    """The error that a call ends with."""
    with pytest.raises(MeshError) as caught:
        await call
    return caught.value


async def dealt_with(world: World, to: str = DIRECT, seq: int = 1) -> None:
    """Wait until the assistant has passed an entry."""
    await until(lambda: world.cursor(to) >= seq)


async def test_a_question_is_answered_anew_as_a_new_entry(at_work: World) -> None:
    """The first answer stays, the new one has an id of its own and says which try it is."""
    async with at_work.process() as node:
        await ready(at_work)
        one = await again(node)
        await until(lambda: len(at_work.logs.answers()) == 2)
        two = await again(node, seq=2, request_id="r2")
        await until(lambda: at_work.logs.kinds().count("finish") == 3)
    answers = at_work.logs.answers()
    assert [answer.reply_id for answer in answers][1:] == [one, two]
    assert len({answer.reply_id for answer in answers}) == 3
    assert {answer.in_reply_to_seq for answer in answers} == {1}
    assert len(set(at_work.logs.numbers())) == 3
    opened = [event.open for event in at_work.logs.events if event.HasField("open")]
    assert [(one.attempt, one.asked_by) for one in opened] == [(0, ANN), (1, ANN), (2, ANN)]


async def test_a_repeated_request_is_one_answer(at_work: World) -> None:
    """The same request returns the first reply, at the same time and after a crash; another content is refused."""
    async with at_work.process() as node:
        await ready(at_work)
        await dealt_with(at_work)
        ids = {*await asyncio.gather(*(again(node) for _ in range(3)))}
        await until(lambda: len(at_work.logs.answers()) == 2)
        ids.add(await again(node))
    async with at_work.process() as node:
        ids.add(await again(node))
        assert (await refused(again(node, seq=2))).reason == "REQUEST_ID_REUSED"
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 3)
    assert [answer.reply_id for answer in at_work.logs.answers() if answer.in_reply_to_seq == 1][1:] == [*ids]


async def test_one_answer_at_a_time(at_work: World) -> None:
    """While a question is being answered, first or anew, by this node or another, it is not answered again."""
    async with at_work.process(SLOW, "one") as one, at_work.process(SLOW, "two") as two:
        await at_work.logs.say(ANN, "tell me a long story")
        await until(lambda: "delta" in at_work.logs.kinds())
        for node in (one, two):
            error = await refused(again(node))
            assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "REPLY_IN_PROGRESS")
        await one.cancel(ANN, conversation_id=DIRECT)
        await until(lambda: len(at_work.logs.answers()) == 1)
    at_work.store_url = f"sqlite:{at_work.folder / 'both.db'}"
    async with at_work.process(SLOW, "one") as one, at_work.process(SLOW, "two") as two:
        await until(lambda: len(at_work.directory.asked) == 4)
        await dealt_with_in(at_work, "both")
        reply_id = await again(one, request_id="r2")
        for node in (one, two):
            assert (await refused(again(node, request_id="r3"))).reason == "REPLY_IN_PROGRESS"
            assert await again(node, request_id="r2") == reply_id
        assert await two.cancel(ANN, reply_id=reply_id) == [reply_id]
        await until(lambda: len(at_work.logs.answers()) == 2)
    assert at_work.logs.answers()[-1].finish == AssistantReply.FINISH_CANCELLED


async def dealt_with_in(world: World, store: str) -> None:
    """The same for a store of several nodes."""
    await until(lambda: world.cursor(DIRECT, store) >= 1)


async def test_a_crash_loses_no_answer(at_work: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was promised is written by the next process, once, with the same id, though nobody asks for it again."""
    hurry(monkeypatch)
    async with at_work.process(SLOW) as node:
        await at_work.logs.say(ANN, "count to 50")
        await until(lambda: len(at_work.logs.answers()) == 1)
        await dealt_with(at_work)
        begun = len(at_work.logs.events)
        reply_id = await again(node)
        await until(lambda: any(event.HasField("delta") for event in at_work.logs.events[begun:]))
    assert len(at_work.logs.answers()) == 1
    async with at_work.process():
        await until(lambda: len(at_work.logs.answers()) == 2)
        await until(lambda: at_work.logs.events[-1].HasField("finish"))
    assert at_work.logs.answers()[-1].reply_id == reply_id
    assert at_work.logs.answers()[-1].text.endswith(" 50")


async def test_who_asked_and_admins_have_it_answered_anew(at_work: World) -> None:
    """Another member is told that it takes an admin; strangers, and who was removed, learn nothing."""
    async with at_work.process() as node:
        await at_work.logs.say(ANN, "count to 2", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1)
        await dealt_with(at_work, GROUP)
        error = await refused(again(node, 2, BOB, GROUP))
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "ROLE_REQUIRED")
        assert (await refused(again(node, 2, OTHER, GROUP))).reason == "CONVERSATION_NOT_FOUND"
        at_work.logs.admins.add(BOB)
        await again(node, 2, BOB, GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 2)
        await until(lambda: at_work.logs.events[-1].HasField("finish"))
        assert at_work.logs.events[-2].reply_id == at_work.logs.answers(GROUP)[-1].reply_id
        assert next(event.open.asked_by for event in at_work.logs.events[::-1] if event.HasField("open")) == BOB
        at_work.logs.left[GROUP, ANN] = 2
        assert (await refused(again(node, 1, ANN, GROUP, "r9"))).reason == "CONVERSATION_NOT_FOUND"


async def test_what_no_assistant_answers_is_not_found(at_work: World) -> None:
    """No message, one that asks nobody, a hidden or recalled one, beyond the end, and where it shall be silent."""
    logs = at_work.logs
    async with at_work.process() as node:
        await ready(at_work)
        await logs.write(ANN, Content(edit=Edit(target_seq=1, body=Body(text=Text(text="hi")))))
        await logs.say(ANN, "just talk", to=GROUP)
        await logs.say(ANN, "count to 2", ASSISTANT, to=GROUP)
        await until(lambda: len(logs.answers(GROUP)) == 1)
        await dealt_with(at_work, GROUP, 2)
        for seq, to in ((3, DIRECT), (99, DIRECT), (1, GROUP)):
            assert (await refused(again(node, seq, to=to))).reason == "REPLY_NOT_FOUND"
        logs.hidden.add((ANN, GROUP, 2))
        for seq in (2, 3):
            assert (await refused(again(node, seq, to=GROUP))).reason == "REPLY_NOT_FOUND"
        logs.hidden.clear()
        logs.recall(2, GROUP)
        assert (await refused(again(node, 2, to=GROUP))).reason == "REPLY_NOT_FOUND"
        await change(node, reply_mode=ai_pb2.REPLY_MODE_OFF)
        assert (await refused(again(node))).reason == "REPLY_NOT_FOUND"
        await change(node, reply_mode=ai_pb2.REPLY_MODE_UNSPECIFIED)
        at_work.directory.blocked.add(ANN)
        assert (await refused(again(node))).reason == "CONTACT_BLOCKED_BY_YOU"
        for request_id in ("", "x" * 65):
            assert (await refused(again(node, request_id=request_id))).reason == "INVALID_REQUEST"


async def test_nothing_is_answered_anew_where_the_assistant_may_not_write(at_work: World) -> None:
    """In a group in which it is muted who asks is told so, instead of waiting for what never comes."""
    async with at_work.process() as node:
        await at_work.logs.say(ANN, "hello", ASSISTANT, to=GROUP)
        await until(lambda: bool(at_work.logs.answers(GROUP)))
        await dealt_with(at_work, GROUP)
        at_work.logs.silenced = True
        assert (await refused(again(node, to=GROUP))).reason == "MUTED"
        at_work.logs.silenced = False
        await again(node, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 2)


async def test_the_question_is_taken_as_it_is_now(at_work: World) -> None:
    """An edited question is answered as it reads, and the model is not shown its earlier answers to it."""
    logs = at_work.logs
    async with at_work.process() as node:
        await logs.say(ANN, "tea at five")
        await until(lambda: len(logs.answers()) == 1)
        await dealt_with(at_work)
        await logs.write(ANN, Content(edit=Edit(target_seq=1, body=Body(text=Text(text="summarise")))))
        await again(node)
        await until(lambda: len(logs.answers()) == 2)
    assert logs.answers()[-1].text == "Nothing was said before."


async def test_a_question_that_is_gone_meanwhile_is_not_answered(
    at_work: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recalled after a new answer was asked for: none is written, and it is not tried for ever."""
    hurry(monkeypatch)
    async with at_work.process(SLOW) as node:
        await at_work.logs.say(ANN, "count to 50")
        await until(lambda: len(at_work.logs.answers()) == 1)
        await dealt_with(at_work)
        await again(node)
    at_work.logs.recall(1)
    async with at_work.process():
        await until(lambda: at_work.open_renewals() == 0)
    assert len(at_work.logs.answers()) == 1


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a process left be taken up at once."""
    monkeypatch.setattr(renew, "HOLD_MS", 100)
    monkeypatch.setattr("svc_ai.application.regenerate.HOLD_MS", 100)
    monkeypatch.setattr(renew, "LOOK_SECONDS", 0.05)


async def test_what_waits_for_its_turn_can_be_cancelled(at_work: World) -> None:
    """A cancel counts as soon as the id of the answer is known, also while others are written first."""
    bounds = replace(FAST.bounds, seconds=30.0, first_piece_seconds=30.0, piece_seconds=30.0)
    workload = replace(FAST.workload, answers=1)
    async with at_work.process(replace(FAST, bounds=bounds, workload=workload)) as node:
        await ready(at_work)
        await at_work.logs.say(ANN, "hang now")
        await until(lambda: at_work.logs.kinds().count("open") == 2)
        assert len(await node.cancel(ANN, conversation_id=DIRECT)) == 1
        await dealt_with(at_work, seq=3)
        hanging = await again(node, seq=3, request_id="hang")
        await until(lambda: at_work.logs.kinds().count("open") == 3)
        waiting = await again(node, seq=1, request_id="wait")
        assert await node.cancel(ANN, reply_id=waiting) == [waiting]
        assert await node.cancel(ANN, conversation_id=DIRECT) == [hanging]
        await until(lambda: at_work.logs.kinds().count("failed") == 3)
        await until(lambda: at_work.open_renewals() == 0)
    assert len(at_work.logs.answers()) == 1
