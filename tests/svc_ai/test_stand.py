"""Answers that nobody wants any more, or that may not be written any more, are written no further."""

from dataclasses import replace

import pytest

from parley.ai.v1.reply_pb2 import REPLY_FAILURE_CANCELLED
from svc_ai.application.follow import OF_ONE
from svc_ai.infrastructure.scripted import STORY, STORY_PARTS
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, World, until

SLOW = replace(FAST, scripted=replace(FAST.scripted, word_seconds=0.01))
LONG = "tell me a long story"


@pytest.mark.parametrize("what", ["recalled", "muted", "blocked"])
async def test_an_answer_that_stands_no_more_is_stopped(at_work: World, what: str) -> None:
    """A second after the question was recalled, or the assistant muted or blocked, devices are told that the answer was
    cancelled, long before all of it was written, and nothing of it is appended.
    """
    place = GROUP if what == "muted" else DIRECT
    async with at_work.process(SLOW):
        seq = await at_work.logs.say(ANN, LONG, ASSISTANT, to=place)
        await until(lambda: "delta" in at_work.logs.kinds())
        if what == "recalled":
            at_work.logs.recall(seq)
        at_work.logs.silenced = what == "muted"
        at_work.directory.blocked |= {ANN} if what == "blocked" else set()
        await until(lambda: "failed" in at_work.logs.kinds())
        await until(lambda: at_work.cursor(place) == seq)
    assert at_work.logs.events[-1].failed.failure == REPLY_FAILURE_CANCELLED
    assert at_work.logs.events[-1].failed.entry_seq == 0
    assert sum(len(event.delta.text) for event in at_work.logs.events) < len(STORY) * STORY_PARTS / 3
    assert not at_work.logs.answers(place)


async def test_nobody_asks_the_model_where_the_assistant_is_muted(at_work: World) -> None:
    """A muted assistant shows nothing and uses nothing; when it may write again it answers what is asked then."""
    at_work.logs.silenced = True
    async with at_work.process():
        seq = await at_work.logs.say(ANN, "count to 2", ASSISTANT, to=GROUP)
        await until(lambda: at_work.cursor(GROUP) == seq)
        assert not at_work.logs.events
        at_work.logs.silenced = False
        asked = await at_work.logs.say(ANN, "count to 3", ASSISTANT, to=GROUP)
        await until(lambda: bool(at_work.logs.answers(GROUP)))
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers(GROUP)] == [asked]


async def test_an_answer_goes_on_while_nobody_can_say_whether_it_stands(at_work: World) -> None:
    """A user service that is away costs no answer in a chat that has begun."""
    async with at_work.process():
        await until(lambda: bool(at_work.directory.asked))
        at_work.directory.silent = True
        await at_work.logs.say(ANN, "count to 3")
        await until(lambda: len(at_work.logs.answers()) == 1)


async def test_an_assistant_has_read_what_it_dealt_with(at_work: World) -> None:
    """Its read position follows what is said, answered or not: with it begins the time of posts that go."""
    async with at_work.process():
        await at_work.logs.say(ANN, "hello")
        seq = await at_work.logs.say(ANN, "not for it", to=GROUP)
        await until(lambda: at_work.logs.read.get((GROUP, ASSISTANT)) == seq)
        await until(lambda: at_work.logs.read.get((DIRECT, ASSISTANT), 0) >= 1)


async def test_devices_hear_that_a_question_was_recalled_while_nobody_wrote(at_work: World) -> None:
    """A process ended over the answer; when the next one finds the question gone, nobody waits for the rest."""
    async with at_work.process(SLOW):
        seq = await at_work.logs.say(ANN, LONG)
        await until(lambda: "delta" in at_work.logs.kinds())
    at_work.logs.recall(seq)
    async with at_work.process(SLOW):
        await until(lambda: "failed" in at_work.logs.kinds())
    assert at_work.logs.events[-1].failed.failure == REPLY_FAILURE_CANCELLED
    assert not at_work.logs.answers()


async def test_who_asks_in_many_places_keeps_nobody_waiting(at_work: World) -> None:
    """Somebody whose questions would take all that is written at a time has four, and others theirs at once."""
    bounds = replace(FAST.bounds, seconds=30.0, first_piece_seconds=30.0)
    few = replace(FAST, bounds=bounds, workload=replace(FAST.workload, answers=OF_ONE + 1))
    places = [f"g{number:015d}" for number in range(1, OF_ONE + 4)]
    at_work.logs.members.update({place: {ASSISTANT, ANN} for place in places})
    async with at_work.process(few):
        for place in places:
            await at_work.logs.say(ANN, "hang now", ASSISTANT, to=place)
        await until(lambda: at_work.logs.kinds().count("open") == OF_ONE)
        await at_work.logs.say(BOB, "count to 2", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1, seconds=20)
    opened = [event.open.asked_by for event in at_work.logs.events if event.HasField("open")]
    assert opened.count(ANN) == OF_ONE
