"""What a user has hidden is hidden from them everywhere, and from nobody else."""

import pytest

from mesh.errors import Code
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import ListPinsRequest
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.entry_pb2 import Content, Pin
from parley.message.v1.message_service_pb2 import ListEditsRequest, SearchMessagesRequest
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, send
from tests.svc_message.own_part import delete, hide, kinds, notice, shown
from tests.svc_message.world import World, mesh_of_one, process, refusal


async def test_what_one_may_not_see_cannot_be_hidden(mesh: World) -> None:
    """A seq before the caller's own time is out of range, in whatever company, and nothing is hidden then."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    group = await groups.make(mesh, ann, bob)
    before = await ann.post(group)
    first = await groups.add(mesh, group, eve)
    await ann.post(group)
    for seqs in ((before,), (before, first), (first - 1, first + 1)):
        error = await refusal(hide(eve, group, *seqs))
        assert (error.code, error.reason) == (Code.OUT_OF_RANGE, "RANGE_INVALID")
        assert f"from {first} to {first + 1}" in error.message
    await hide(eve, group, first + 1)
    await hide(bob, group, before)


async def test_hidden_entries_are_gone_for_one_user_only(mesh: World) -> None:
    """What a user hid is a placeholder in history and sync, and does not count; the others keep it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bob)
    one, two = await ann.seqs(post(group, "one"), post(group, "secret", mentioned_user_ids=[bob.user_id]))
    [changed] = await ann.seqs(edit(group, two, "secret too"))
    assert await bob.unread(group) == (2, 1)
    await hide(bob, group, two)
    assert await bob.unread(group) == (1, 0)
    assert await kinds(bob, group) == ["membership", "post", "hidden", "hidden"]
    assert "secret" not in str(await bob.history(group))
    synced = await bob.sync([Position(conversation_id=group, seq=0)])
    assert [entry.seq for entry in synced.entries] == [1, one, two, changed]
    assert "secret" not in str(synced)
    assert (await shown(bob, group)).last_entry.seq == one
    told = await notice(bob, 1)
    assert list(told.hidden_seqs) == [two, changed]
    await hide(bob, group, two)
    assert (await shown(bob, group)).settings_version == 1
    assert await kinds(ann, group) == ["membership", "post", "post", "edit"]
    resumed = await new_device(mesh, bob.user_id).connect()
    await resumed.resume()
    assert [entry.seq for entry in resumed.entries(group)] == [1, one, two, changed]
    assert "secret" not in str(resumed.entries(group))


async def test_a_later_change_of_a_hidden_post_is_not_shown_beside_it(mesh: World) -> None:
    """The amendments of a page leave out what changes hidden posts."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    seq, other = await ann.seqs(post(chat, "one"), post(chat, "two"))
    await hide(bob, chat, seq)
    await ann.seqs(edit(chat, seq, "uno"), edit(chat, other, "due"))
    page = await bob.history(chat, from_seq=seq, to_seq=other)
    assert [entry.content.edit.target_seq for entry in page.amendments] == [other]


async def found(device: Device, chat: str, query: str) -> list[int]:
    """Seqs of the posts that a search finds."""
    request = SearchMessagesRequest(conversation_id=chat, query=query)
    return [one.seq for one in (await device.do(device.world.messages.SearchMessages, request)).entries]


async def test_what_is_hidden_is_not_found_elsewhere(mesh: World) -> None:
    """Search, pins and edits of a post do not show what the user has hidden or cleared; the others find it."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    one, two = await ann.seqs(post(chat, "the word"), post(chat, "another word"))
    await ann.seqs(send(chat, Content(pin=Pin(target_seq=one))), send(chat, Content(pin=Pin(target_seq=two))))
    assert await found(bob, chat, "word") == [two, one]
    await hide(bob, chat, one)
    assert (await found(bob, chat, "word"), await found(ann, chat, "word")) == ([two], [two, one])
    pins = (await bob.do(mesh.conversations.ListPins, ListPinsRequest(conversation_id=chat))).entries
    assert [entry.seq for entry in pins] == [two]
    edits = ListEditsRequest(message=MessageRef(conversation_id=chat, seq=one))
    assert (await refusal(bob.do(mesh.messages.ListEdits, edits))).reason == "ENTRY_NOT_FOUND"
    await delete(bob, chat)
    assert await found(bob, chat, "word") == []
    assert (await bob.do(mesh.conversations.ListPins, ListPinsRequest(conversation_id=chat))).entries == []


async def test_hiding_is_bounded(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hidden entry too many is refused with what to do instead, and hides nothing."""
    monkeypatch.setattr("svc_message.domain.own.MAX_HIDDEN", 2)
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    await ann.seqs(*(post(chat, str(number)) for number in range(4)))
    await hide(bob, chat, 1, 2)
    refused = await refusal(hide(bob, chat, 3))
    assert (refused.code, refused.reason) == (Code.RESOURCE_EXHAUSTED, "HIDDEN_LIMIT_REACHED")
    assert await kinds(bob, chat) == ["hidden", "hidden", "post", "post"]


async def test_another_node_sees_what_was_hidden(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What one node hides is hidden by the memory of another one that knew the user before."""
    async with mesh_of_one(tmp_path_factory.mktemp("mesh")) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        chat = direct(ann, bob)
        await ann.seqs(post(chat, "one"), post(chat, "two"))
        await bob.sync([Position(conversation_id=chat)])
        async with process(made, "message", number=2) as address:
            first = made.conversations
            made.connect(address)
            await hide(new_device(made, bob.user_id), chat, 1)
            made.conversations = first
        synced = await bob.sync([Position(conversation_id=chat)])
        assert [one.content.WhichOneof("kind") for one in synced.entries] == ["hidden", "post"]
