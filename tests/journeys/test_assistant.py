"""The assistant that comes with an installation."""

import asyncio
import os
from typing import Final

from parley.ai.v1 import reply_pb2
from parley.message.v1 import body_pb2, entry_pb2
from parley_sdk import ReplyPiece, ReplyState, direct_id
from tests.journeys.mesh import Mesh
from tests.journeys.people import Device, People
from tests.journeys.raw import RawDevice, log_in_again

COUNT = 30
COUNTED = " ".join(str(number) for number in range(1, COUNT + 1))


async def assistant_of(device: Device) -> str:
    """Return the assistant's user."""
    return (await device.client.assistants.list())[0].user_id


def answers(entries: list[entry_pb2.Entry], seq: int) -> list[body_pb2.AssistantReply]:
    """The answers to one message."""
    replies = (entry.content.post.body.assistant_reply for entry in entries)
    return [reply for reply in replies if reply.in_reply_to_seq == seq]


async def until_answered(device: Device, chat: str, seq: int) -> body_pb2.AssistantReply:
    """Wait for the answer to a message, and return it."""
    [reply] = await device.until(lambda: answers(device.shown[chat], seq), f"an answer to {chat}/{seq}")
    return reply


EDGE: Final = os.environ.get("PARLEY_TEST_EDGE", "")


def put_together(steps: list[reply_pb2.ReplyEvent]) -> str:
    """The text of the steps; each delta has to begin where the text ends."""
    text = ""
    for step in steps:
        if step.HasField("delta"):
            assert step.delta.offset == len(text)
            text += step.delta.text
        if step.HasField("snapshot"):
            text = step.snapshot.text
    return text


async def test_an_answer_comes_word_by_word_and_then_as_an_entry(people: People) -> None:
    """In a direct chat the answer opens, grows by deltas that fit, and ends as an entry with the same text."""
    ann = await people.user("ann")
    login = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, login) as raw:
        chat = direct_id(ann.user_id, await assistant_of(ann))
        [asked] = await ann.say(chat, f"please count to {COUNT}")
        reply = await until_answered(ann, chat, asked.seq)
        assert reply.text == COUNTED
        assert reply.finish == body_pb2.AssistantReply.FINISH_COMPLETE
        await raw.until(lambda: any(step.HasField("finish") for step in raw.frame.replies))
        steps = list(raw.frame.replies)
        assert [step.WhichOneof("event") for step in steps[:2]] == ["open", "delta"]
        assert sum(step.HasField("delta") for step in steps) > 3
        assert [step.step for step in steps] == sorted({step.step for step in steps})
        shown = put_together(steps)
        # Between several nodes the end may overtake a piece, which the entry makes good; in one process nothing does.
        assert reply.text.startswith(shown)
        assert EDGE or shown == reply.text
        assert {step.reply_id for step in steps} == {reply.reply_id}
    pieces = ann.of(ReplyPiece)
    assert (pieces[0].in_reply_to_seq, pieces[0].state) == (asked.seq, ReplyState.WRITING)
    last = await ann.until(lambda: [one for one in ann.of(ReplyPiece) if one.state is ReplyState.FINISHED], "the end")
    assert (last[0].text, last[0].entry_seq) == (COUNTED, ann.seqs(chat)[-1])


async def test_in_a_group_the_assistant_answers_when_it_is_mentioned(people: People) -> None:
    """In a group only messages that mention the assistant are answered, and every member sees the answer."""
    ann, bob = await people.users("ann", "bob")
    assistant = await assistant_of(ann)
    group = await people.open_group(ann, bob)
    await ann.client.groups.invite(group, [assistant])
    [idle] = await ann.say(group, "count to 3")
    asked = await bob.client.send(group, f"count to {COUNT}", mentions=[assistant])
    for device in (ann, bob):
        reply = await until_answered(device, group, asked.seq)
        assert reply.text == COUNTED
    assert not answers(await ann.history(group), idle.seq)


async def test_a_cancelled_answer_stops_and_keeps_what_was_written(people: People) -> None:
    """Cancelling stops the answer; the entry keeps the words that were there."""
    ann = await people.user("ann")
    chat = direct_id(ann.user_id, await assistant_of(ann))
    [asked] = await ann.say(chat, "tell me a long story")
    piece = await ann.until(lambda: [one for one in ann.of(ReplyPiece) if len(one.text) > 40], "a beginning")
    await ann.client.assistants.cancel(piece[0].reply_id)
    reply = await until_answered(ann, chat, asked.seq)
    assert reply.finish == body_pb2.AssistantReply.FINISH_CANCELLED
    assert reply.text.startswith("A message set out")
    assert len(reply.text) < 1_000
    ended = await ann.until(lambda: [one for one in ann.of(ReplyPiece) if one.cancelled], "the end")
    assert ended[0].text == reply.text


async def test_a_kill_in_the_middle_of_an_answer_leaves_exactly_one(own_people: People, own_mesh: Mesh) -> None:
    """After kill -9 while the assistant writes, the question is answered once, whole, without being asked again."""
    ann = await own_people.user("ann")
    chat = direct_id(ann.user_id, await assistant_of(ann))
    [asked] = await ann.say(chat, f"count to {COUNT}")
    await ann.until(lambda: [one for one in ann.of(ReplyPiece) if len(one.text) > 10], "a beginning")
    await asyncio.to_thread(own_mesh.kill)
    await asyncio.to_thread(own_mesh.start)
    reply = await until_answered(ann, chat, asked.seq)
    assert (reply.text, reply.finish) == (COUNTED, body_pb2.AssistantReply.FINISH_COMPLETE)
    [again] = await ann.say(chat, "count to 2")
    assert (await until_answered(ann, chat, again.seq)).text == "1 2"
    assert len(answers(await ann.history(chat), asked.seq)) == 1
    assert len(answers(ann.shown[chat], asked.seq)) == 1
