"""What a removed member still sees: nothing."""

import asyncio
import itertools

import pytest

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.conversation.v1.conversation_service_pb2_grpc import ConversationServiceStub
from parley_sdk import ParleyError
from tests.journeys.people import Device, People, numbered
from tests.journeys.raw import Login, RawDevice, log_in_again, open_channel

EACH = 10
"""Messages that a writer sends at once; the next ones follow when they are acked."""


async def sync(address: str, login: Login, group: str, seq: int) -> conversation_service_pb2.SyncResponse:
    """Ask for what comes after a place."""
    async with open_channel(address) as channel:
        positions = [conversation_pb2.Position(conversation_id=group, seq=seq)]
        request = conversation_service_pb2.SyncRequest(positions=positions, limit=2_000)
        return await ConversationServiceStub(channel).Sync(request, metadata=login.metadata)


async def sees_nothing_after(people: People, eve: Device, login: Login, group: str, end: int) -> None:
    """Try every way to read on."""
    history = await eve.history(group)
    assert history[-1].seq == end
    with_later = await eve.client.messages.stretch(group, from_seq=end + 1, to_seq=end + 100)
    assert not with_later.entries
    for position in (0, end - 1, end, end + 1):
        answer = await sync(people.address, login, group, position)
        assert all(entry.seq <= end for entry in answer.entries)
        assert [(state.head_seq, state.left_seq) for state in answer.states] == [(end, end)]
    async with RawDevice.open(people.address, login, positions={group: end - 1}) as raw:
        assert [entry.seq for entry in raw.entries if entry.conversation_id == group] == [end]
    view = await eve.client.conversations.get(group)
    assert (view.head_seq, view.left_seq, view.last_entry.seq) == (end, end, end)


async def write(writer: Device, group: str, over: asyncio.Event) -> None:
    """Write as fast as acks allow until it is over, and once more."""
    for chunk in itertools.count():
        ends = over.is_set()
        await writer.say(group, *numbered(f"{writer.username} {chunk}", range(EACH)))
        if ends:
            return


async def test_a_kicked_member_gets_the_removal_and_nothing_later(people: People) -> None:
    """While others write at full speed a kicked member gets the removal last: by push, by sync and by history."""
    owner, eve, *writers = await people.users("owner", "eve", "ann", "bob", "joe")
    group = await people.open_group(owner, eve, *writers)
    login = await log_in_again(people.address, eve.username)
    # It never says how much it took, and everything must reach it: without this it would lag after 1,000 entries.
    async with RawDevice.open(people.address, login, window=10_000) as raw:
        kicked = asyncio.Event()
        writing = [asyncio.create_task(write(writer, group, kicked)) for writer in writers]
        await owner.until(lambda: len(owner.texts(group)) > 3 * EACH, "the writers at work")
        await owner.client.groups.kick(group, [eve.user_id])
        kicked.set()
        await asyncio.gather(*writing)
        log = await owner.history(group)
        [end] = [entry.seq for entry in log if eve.user_id in entry.content.membership.removed_user_ids]
        assert end < log[-1].seq
        await eve.until_seq(group, end)
        # A message that comes after all of them has passed everything that was still on its way.
        await writers[0].say(eve.chat_with(writers[0]), "you are out")
        await eve.until_text(eve.chat_with(writers[0]), "you are out")
        await raw.until(lambda: [entry for entry in raw.entries if "-" in entry.conversation_id])
        pushed = [entry.seq for entry in raw.entries if entry.conversation_id == group]
        assert max(pushed) == end
        assert eve.shown[group] == log[:end][eve.seqs(group)[0] - 1 :]
    await sees_nothing_after(people, eve, login, group, end)
    with pytest.raises(ParleyError) as refused:
        await eve.client.send(group, "let me in")
    assert refused.value.reason == "CONVERSATION_NOT_FOUND"


async def test_a_stranger_cannot_tell_a_conversation_from_none(people: People) -> None:
    """Someone who guesses an id gets the same answer as for one that does not exist."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob)
    await ann.say(ann.chat_with(bob), "between us")
    answers = set()
    for guess in (group, "g" + "0" * 15, ann.chat_with(bob), ann.user_id):
        for ask in (
            eve.client.conversations.get(guess),
            eve.client.messages.history(guess),
            eve.client.send(guess, "?"),
        ):
            with pytest.raises(ParleyError) as refused:
                await ask
            answers.add((refused.value.code, refused.value.reason, refused.value.message))
    assert len(answers) == 1
