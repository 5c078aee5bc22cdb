"""An assistant that is shown the door while it writes, and what it has read."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from parley.message.v1 import entry_pb2
from parley_sdk import ReplyPiece, direct_id
from tests.journeys.people import Device, People
from tests.journeys.test_assistant import answers, assistant_of, until_answered

STORY: Final = "tell me a long story"
Act = Callable[[Device, str, str, int], Awaitable[object]]

ACTS: Final[dict[str, Act]] = {
    "kicked": lambda ann, group, assistant, _: ann.client.groups.kick(group, [assistant]),
    "muted": lambda ann, group, assistant, _: ann.client.groups.mute(group, assistant, 3600),
    "recalled": lambda ann, group, _, seq: ann.client.recall(group, seq),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_assistant_writes_no_further_where_it_may_not(people: People, act: str) -> None:
    """Removed or muted in a group, or with its question recalled, it stops within seconds: devices are told, nothing of
    the answer is in the log, and a device that was offline meanwhile sees none either.
    """
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    assistant = await assistant_of(ann)
    group = await people.open_group(ann, bob)
    await ann.client.groups.invite(group, [assistant])
    await tablet.client.disconnect()
    asked = await bob.client.send(group, STORY, mentions=[assistant])
    await ann.until(lambda: [one for one in ann.of(ReplyPiece) if one.text], "a beginning")
    await ACTS[act](ann, group, assistant, asked.seq)
    await ann.until(lambda: [one for one in ann.of(ReplyPiece) if one.cancelled], "the end")
    last = await bob.client.send(group, "and now?")
    await tablet.client.connect()
    for device in (ann, bob, tablet):
        await device.until_seq(group, last.seq)
        assert not answers(device.shown[group], asked.seq)
    assert not answers(await ann.history(group), asked.seq)


async def test_a_muted_assistant_is_silent_and_a_blocked_one_too(people: People) -> None:
    """Where it may not write it shows nothing; whoever blocks it while it writes gets no answer."""
    ann, bob = await people.users("ann", "bob")
    assistant = await assistant_of(ann)
    group, chat = await people.open_group(ann, bob), direct_id(ann.user_id, assistant)
    await ann.client.groups.invite(group, [assistant])
    await ann.client.groups.mute(group, assistant, 3600)
    asked = await bob.client.send(group, "count to 3", mentions=[assistant])
    story = await ann.client.send(chat, STORY)
    await ann.until(lambda: [one for one in ann.of(ReplyPiece) if one.conversation_id == chat and one.text], "words")
    await ann.client.friends.block(assistant)
    await ann.until(lambda: [one for one in ann.of(ReplyPiece) if one.cancelled], "the end")
    assert not answers(await ann.history(chat), story.seq)
    assert not answers(await ann.history(group), asked.seq)
    assert {one.conversation_id for one in ann.of(ReplyPiece)} == {chat}


async def test_a_question_that_destroys_itself_does_so_when_it_was_dealt_with(people: People) -> None:
    """The assistant has read its question, which the asker sees, and then the time of the question begins."""
    ann = await people.user("ann")
    chat = direct_id(ann.user_id, await assistant_of(ann))
    asked = await ann.client.send(chat, "count to 2", expires_after_ms=300)
    assert (await until_answered(ann, chat, asked.seq)).text == "1 2"
    recall: entry_pb2.Entry = await ann.until_kind(chat, "recall")
    assert (recall.content.recall.target_seq, recall.content.recall.expired) == (asked.seq, True)
    assert (await ann.client.conversations.get(chat)).peer_read_seq >= asked.seq
