"""What is answered, once, and how the answer is shown while it is written."""

from dataclasses import replace

import pytest

from parley.message.v1.body_pb2 import AssistantReply, Body, File, MediaRef, Text
from parley.message.v1.entry_pb2 import Content, Edit, Post, Tombstone
from svc_ai.application.show import Pace
from svc_ai.infrastructure.scripted import GREETING
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, World, until


async def test_a_post_in_a_direct_chat_is_answered_once(at_work: World) -> None:
    """Each message gets one answer that says what it answers, and the assistant's own answer gets none."""
    async with at_work.process():
        seq = await at_work.logs.say(ANN, "hello")
        await until(lambda: "finish" in at_work.logs.kinds())
        second = await at_work.logs.say(ANN, "count to 3")
        await until(lambda: at_work.logs.kinds().count("finish") == 2)
    answers = at_work.logs.answers()
    assert [(a.text.strip(), a.in_reply_to_seq) for a in answers] == [(GREETING, seq), ("1 2 3", second)]
    assert {a.finish for a in answers} == {AssistantReply.FINISH_COMPLETE}
    assert all(entry.content.post.body.fallback_text for entry in at_work.logs.entries[DIRECT] if entry.seq in (2, 4))


async def test_in_a_group_only_a_mention_is_answered(at_work: World) -> None:
    """Neither other messages nor @all make the assistant speak."""
    async with at_work.process():
        await at_work.logs.say(ANN, "hello", to=GROUP)
        await at_work.logs.say(ANN, "hello", to=GROUP, everyone=True)
        await at_work.logs.say(ANN, "hello", BOB, to=GROUP)
        asked = await at_work.logs.say(BOB, "count to 2", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1)
        await at_work.logs.say(ANN, "thanks", to=GROUP)
        last = await at_work.logs.say(ANN, "count to 1", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 2)
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers(GROUP)] == [asked, last]


async def test_what_is_no_post_of_a_person_is_not_answered(at_work: World) -> None:
    """Edits, recalled posts, the system's posts and answers of assistants are passed by."""
    reply = Content(post=Post(body=Body(assistant_reply=AssistantReply(text="hello"))))
    async with at_work.process():
        await at_work.logs.write(ANN, Content(edit=Edit(target_seq=1, body=Body(text=Text(text="hello")))))
        await at_work.logs.write(ANN, Content(tombstone=Tombstone(recall_seq=9)))
        await at_work.logs.write("", Content(post=Post(body=Body(text=Text(text="hello")))))
        await at_work.logs.write(BOB, reply)
        await at_work.logs.say(ASSISTANT, "hello")
        last = await at_work.logs.say(ANN, "hello")
        await until(lambda: "finish" in at_work.logs.kinds())
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers() if answer.reply_id] == [last]


async def test_the_caption_of_a_file_is_read(at_work: World) -> None:
    """An assistant that reads text only reads the words beside a file."""
    file = File(media=MediaRef(media_id="m000000000000000"), caption="count to 2")
    async with at_work.process():
        await at_work.logs.write(ANN, Content(post=Post(body=Body(file=file, fallback_text="[file]"))))
        await until(lambda: len(at_work.logs.answers()) == 1)
    assert at_work.logs.answers()[0].text.strip() == "1 2"


async def test_an_answer_is_shown_while_it_is_written(at_work: World) -> None:
    """Open, deltas without a gap, finish with the entry: in order, and the deltas are the text of the entry."""
    async with at_work.process(replace(FAST, pace=Pace(0.001, 20, snapshot_seconds=60.0))):
        asked = await at_work.logs.say(ANN, "tell me a long story")
        await until(lambda: "finish" in at_work.logs.kinds())
    first, *deltas, last = at_work.logs.events
    [answer] = at_work.logs.answers()
    assert (first.open.in_reply_to_seq, first.open.asked_by, first.open.assistant_id) == (asked, ANN, ASSISTANT)
    assert len(deltas) > 2
    text = ""
    for event in deltas:
        assert event.delta.offset == len(text)
        text += event.delta.text
    assert (text, last.finish.entry_seq) == (answer.text, asked + 1)
    steps = [event.step for event in at_work.logs.events]
    assert steps == sorted(set(steps))
    assert {event.reply_id for event in at_work.logs.events} == {answer.reply_id}


async def test_small_pieces_share_a_step(at_work: World) -> None:
    """Words that come within the pace are shown together, so that a stream costs few calls."""
    async with at_work.process(replace(FAST, pace=Pace(seconds=30.0, characters=100_000))):
        await at_work.logs.say(ANN, "count to 300")
        await until(lambda: "finish" in at_work.logs.kinds())
    assert at_work.logs.kinds().count("delta") <= 2


async def test_an_answer_does_not_depend_on_being_shown(at_work: World) -> None:
    """When no step gets through the answer is still appended."""
    at_work.logs.shows_to_lose = 1_000
    async with at_work.process():
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 1)
    assert at_work.logs.answers()[0].finish == AssistantReply.FINISH_COMPLETE


async def test_devices_that_lost_a_step_get_the_whole_text(at_work: World) -> None:
    """After a lost step the next one is a snapshot, and a device that follows the steps ends with the whole text."""
    slow = replace(FAST.scripted, word_seconds=0.005)
    async with at_work.process(replace(FAST, scripted=slow, pace=Pace(seconds=0.001, characters=1))):
        await at_work.logs.say(ANN, "count to 100")
        await until(lambda: at_work.logs.kinds().count("delta") > 1)
        at_work.logs.shows_to_lose = 1
        await until(lambda: "finish" in at_work.logs.kinds())
    text = ""
    for event in at_work.logs.events:
        if event.WhichOneof("event") == "snapshot":
            text = event.snapshot.text
        elif event.WhichOneof("event") == "delta":
            assert event.delta.offset == len(text)
            text += event.delta.text
    assert "snapshot" in at_work.logs.kinds()
    assert text == at_work.logs.answers()[0].text


async def test_the_question_is_taken_as_it_was_edited(at_work: World) -> None:
    """What is answered is what the chat shows now, not what it showed first."""
    await at_work.logs.say(ANN, "count to 9")
    await at_work.logs.write(ANN, Content(edit=Edit(target_seq=1, body=Body(text=Text(text="count to 2")))))
    async with at_work.process():
        await until(lambda: len(at_work.logs.answers()) == 1)
    assert at_work.logs.answers()[0].text.strip() == "1 2"


async def test_questions_of_one_chat_are_answered_in_their_order(at_work: World) -> None:
    """One answer at a time, so that an earlier answer stands before a later one."""
    async with at_work.process():
        asked = [await at_work.logs.say(ANN, f"count to {number}") for number in range(1, 6)]
        await until(lambda: len(at_work.logs.answers()) == 5)
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers()] == asked


@pytest.mark.parametrize("away", [True, False])
async def test_it_starts_before_and_after_the_user_service(at_work: World, away: bool) -> None:  # noqa: FBT001
    """Services start in any order: the account is asked for until it is there."""
    at_work.directory.away = away
    await at_work.logs.say(ANN, "hello")
    async with at_work.process():
        await until(lambda: len(at_work.log.getvalue()) > 0 or not away)
        at_work.directory.away = False
        await until(lambda: len(at_work.logs.answers()) == 1)
    assert at_work.directory.asked[-1].username == "assistant"
