"""What each user has of a conversation for themselves."""

import asyncio
import itertools
import sqlite3

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import Code
from parley.conversation.v1.conversation_pb2 import (
    Conversation,
    ConversationSettings,
    Position,
    QuietHours,
    QuietPeriod,
)
from parley.conversation.v1.conversation_service_pb2 import (
    DeleteConversationRequest,
    GetConversationRequest,
    GetQuietHoursRequest,
    ListConversationsRequest,
    ListPinsRequest,
    SetQuietHoursRequest,
    UpdateSettingsRequest,
)
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.entry_pb2 import Content, Pin
from parley.message.v1.message_service_pb2 import HideMessagesRequest, ListEditsRequest, SearchMessagesRequest
from parley.message.v1.notice_pb2 import ConversationNotice
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, send
from tests.svc_message.world import World, mesh_of_one, process, refusal

FOR_EVER = 2**63 - 1


async def configure(device: Device, chat: str, *fields: str, **values: object) -> ConversationSettings:
    """Change settings: those that are given, and the named ones to nothing."""
    request = UpdateSettingsRequest(
        conversation_id=chat,
        settings=ConversationSettings(**values),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=[*fields, *values]),
    )
    return (await device.do(device.world.conversations.UpdateSettings, request)).settings


async def listed(device: Device, *, archived: bool = False) -> list[Conversation]:
    """The list of conversations."""
    request = ListConversationsRequest(archived=archived)
    return list((await device.do(device.world.conversations.ListConversations, request)).conversations)


async def ids(device: Device, *, archived: bool = False) -> list[str]:
    """The same, their ids."""
    return [one.conversation_id for one in await listed(device, archived=archived)]


async def shown(device: Device, chat: str) -> Conversation:
    """One conversation."""
    request = GetConversationRequest(conversation_id=chat)
    return (await device.do(device.world.conversations.GetConversation, request)).conversation


async def hide(device: Device, chat: str, *seqs: int) -> None:
    """Hide entries."""
    await device.do(device.world.messages.HideMessages, HideMessagesRequest(conversation_id=chat, seqs=seqs))


async def delete(device: Device, chat: str) -> None:
    """Delete from the list."""
    await device.do(device.world.conversations.DeleteConversation, DeleteConversationRequest(conversation_id=chat))


async def notice(device: Device, number: int) -> ConversationNotice:
    """Wait until so many notices have come, and return the last one."""

    def came() -> list[ConversationNotice]:
        personal = device.entries(device.user_id)
        found = [one.content.conversation for one in personal if one.content.HasField("conversation")]
        return found if len(found) >= number else []

    return (await device.until(came))[-1]


async def kinds(device: Device, chat: str) -> list[str]:
    """What kind of entry stands at each place of the history."""
    return [one.content.WhichOneof("kind") or "" for one in (await device.history(chat)).entries]


async def test_settings_are_kept_and_told(mesh: World) -> None:
    """Each setting is taken by its name, is given with the conversation, and reaches the user's other devices."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    tablet = await new_device(mesh, bob.user_id).connect()
    chat = direct(ann, bob)
    await ann.post(chat, "hello")
    await configure(bob, chat, pinned=True, remark="Annie")
    await configure(bob, chat, muted_until_ms=FOR_EVER, draft="well")
    told = await notice(tablet, 2)
    assert (told.conversation_id, told.pinned, told.remark) == (chat, True, "Annie")
    assert (told.muted_until_ms, told.has_draft, told.version) == (FOR_EVER, True, 2)
    conversation = await shown(tablet, chat)
    assert conversation.settings == ConversationSettings(
        pinned=True, muted_until_ms=FOR_EVER, draft="well", remark="Annie"
    )
    assert conversation.settings_version == 2
    assert await configure(bob, chat, "pinned", "draft") == ConversationSettings(
        muted_until_ms=FOR_EVER, remark="Annie"
    )
    assert (await shown(ann, chat)).settings == ConversationSettings()
    assert "well" not in str(tablet.received)


async def test_a_change_that_changes_nothing_tells_nothing(mesh: World) -> None:
    """Repeating a change, as a client may, makes no new version."""
    ann, bob = new_device(mesh), new_device(mesh)
    chat = direct(ann, bob)
    await (await ann.connect()).post(chat)
    for _ in range(2):
        await configure(bob, chat, pinned=True)
    assert (await shown(bob, chat)).settings_version == 1


async def test_devices_that_change_at_once_lose_nothing(mesh: World) -> None:
    """Two devices that change different settings at the same moment both have their way."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    await ann.post(chat)
    tablet = new_device(mesh, bob.user_id)
    await asyncio.gather(
        *(configure(bob, chat, remark=f"{n}") for n in range(3)), *(configure(tablet, chat, pinned=True) for _ in "ab")
    )
    found = await shown(bob, chat)
    assert found.settings.pinned
    assert found.settings.remark in {"0", "1", "2"}
    assert found.settings_version == 4


async def test_bad_changes_say_what_to_change(mesh: World) -> None:
    """No field, an unknown one, too long a text, and a chat of others are refused, each in its way."""
    ann, bob, eve = await new_device(mesh).connect(), new_device(mesh), new_device(mesh)
    chat = direct(ann, bob)
    await ann.post(chat)
    assert (await refusal(configure(bob, chat))).fields[0].field == "update_mask"
    assert (await refusal(configure(bob, chat, "color"))).fields[0].field == "update_mask"
    assert (await refusal(configure(bob, chat, draft="x" * 16_385))).reason == "INVALID_REQUEST"
    assert (await refusal(configure(bob, chat, muted_until_ms=-1))).reason == "INVALID_REQUEST"
    assert (await refusal(configure(eve, chat, pinned=True))).reason == "CONVERSATION_NOT_FOUND"
    await configure(bob, chat, pinned=True)
    assert (await refusal(configure(bob, bob.user_id, pinned=True))).code is Code.PERMISSION_DENIED
    assert (await refusal(delete(bob, bob.user_id))).code is Code.PERMISSION_DENIED
    assert (await refusal(delete(bob, mesh.ids.new("g")))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(hide(eve, chat, 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(hide(bob, chat, 2))).reason == "RANGE_INVALID"
    assert (await refusal(hide(bob, chat, 0))).reason == "RANGE_INVALID"


async def test_pinned_ones_come_first(mesh: World) -> None:
    """The list has pinned conversations before newer ones, over all its pages."""
    ann, others = await new_device(mesh).connect(), [await new_device(mesh).connect() for _ in range(4)]
    chats = [direct(ann, other) for other in others]
    for other, chat in zip(others, chats, strict=True):
        await other.post(chat)
        mesh.clock.advance(0.01)
    await configure(ann, chats[1], pinned=True)
    found, token = [], ""
    for _ in range(4):
        request = ListConversationsRequest(page_size=1, page_token=token)
        page = await ann.do(mesh.conversations.ListConversations, request)
        found += [one.conversation_id for one in page.conversations]
        token = page.next_page_token
    assert found == [chats[1], chats[3], chats[2], chats[0]]
    assert not token


async def test_an_archived_chat_comes_back_unless_it_is_muted(mesh: World) -> None:
    """The next post of another brings it back to the list; while it is muted none does, not even after the mute."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await configure(bob, chat, archived=True)
    assert (await ids(bob), await ids(bob, archived=True)) == ([], [chat])
    seq = await ann.post(chat, "again")
    assert (await ids(bob), await ids(bob, archived=True)) == ([chat], [])
    await bob.mark_read(chat, seq)
    assert await ids(bob) == [chat]

    await configure(bob, chat, archived=True, muted_until_ms=FOR_EVER)
    await ann.post(chat, "unheard")
    assert await ids(bob) == []
    await configure(bob, chat, "muted_until_ms")
    assert await ids(bob) == []
    await ann.post(chat, "heard")
    assert await ids(bob) == [chat]


async def test_marked_as_unread_until_more_is_read(mesh: World) -> None:
    """The mark lasts until it is taken away or more is read, wherever."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    await bob.mark_read(chat, await ann.post(chat))
    await configure(bob, chat, marked_unread=True)
    assert (await shown(bob, chat)).settings.marked_unread
    await bob.mark_read(chat, await ann.post(chat))
    assert not (await shown(bob, chat)).settings.marked_unread
    await configure(bob, chat, marked_unread=True)
    await configure(bob, chat, "marked_unread")
    assert not (await shown(bob, chat)).settings.marked_unread


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


async def test_a_deleted_conversation_comes_back_with_the_next_post(mesh: World) -> None:
    """It leaves the list with all that it holds; the next post brings it back without what was before."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    old, last = await ann.seqs(post(chat, "old"), post(chat, "older secret"))
    await configure(bob, chat, pinned=True, muted_until_ms=FOR_EVER, draft="x")
    await delete(bob, chat)
    assert await ids(bob) == []
    told = await notice(bob, 2)
    assert (told.deleted, told.cleared_seq, told.pinned, told.has_draft) == (True, last, False, False)
    empty = await shown(bob, chat)
    assert (empty.unread_count, empty.first_seq, empty.HasField("last_entry")) == (0, last + 1, False)
    assert (await bob.history(chat)).entries == []
    await delete(bob, chat)
    assert (await shown(bob, chat)).settings_version == 2
    await ann.seqs(edit(chat, old, "new words"))
    fresh = await ann.post(chat, "hello again")
    [back] = await listed(bob)
    assert (back.unread_count, back.last_entry.seq, back.settings.muted_until_ms) == (1, fresh, FOR_EVER)
    assert [entry.seq for entry in (await bob.history(chat)).entries] == [fresh - 1, fresh]
    laptop = await new_device(mesh, bob.user_id).connect()
    await laptop.resume()
    assert [entry.seq for entry in laptop.entries(chat)] == [fresh - 1, fresh]
    assert len((await ann.history(chat)).entries) == 4


async def test_ones_own_next_post_brings_a_deleted_chat_back_too(mesh: World) -> None:
    """Whoever writes: a deleted conversation that goes on is on the list."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await delete(ann, chat)
    assert await ids(ann) == []
    await ann.post(chat)
    assert await ids(ann) == [chat]


async def test_drafts_do_not_flood_the_personal_log(mesh: World) -> None:
    """Of forty changes of a draft the devices are told a few, at least half a minute apart, and always the last one."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    for length in range(1, 40):
        await configure(bob, chat, draft="x" * length)
    mesh.clock.advance(2)
    assert (await notice(bob, 1)).has_draft
    await configure(bob, chat, "draft")
    mesh.clock.advance(32)
    told = await bob.until(lambda: _told(bob, 40))
    assert told is not None
    assert not told.has_draft
    times = [entry.sent_at_ms for entry in bob.entries(bob.user_id)]
    assert all(later - earlier >= 29_000 for earlier, later in itertools.pairwise(times))


def _told(device: Device, version: int) -> ConversationNotice | None:
    notices = [entry.content.conversation for entry in device.entries(device.user_id)]
    return next((one for one in notices if one.version == version), None)


async def test_what_was_kept_and_not_told_is_told_by_whoever_lives(mesh: World) -> None:
    """A record that is due is told by the sweep, once, though nobody asks: as after a crash behind the write."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await configure(bob, chat, pinned=True)
    await notice(bob, 1)
    with sqlite3.connect(mesh.database) as store:
        store.execute("UPDATE own SET version = version + 1, tell_at_ms = 1")
    mesh.clock.advance(1.1)
    assert (await notice(bob, 2)).version == 2
    for _ in range(3):
        mesh.clock.advance(1.1)
    assert (await shown(bob, chat)).settings_version == 2
    assert len(bob.entries(bob.user_id)) == 2


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


async def test_quiet_hours(mesh: World) -> None:
    """They are replaced as a whole, told to the user's devices, and refused with a time zone that there is not."""
    bob = await new_device(mesh).connect()
    assert (await bob.do(mesh.conversations.GetQuietHours, GetQuietHoursRequest())).quiet_hours == QuietHours()
    nightly = QuietPeriod(weekdays=127, start_minute=22 * 60, end_minute=7 * 60)
    wanted = QuietHours(periods=[nightly], time_zone="Asia/Shanghai", until_ms=5)
    request = SetQuietHoursRequest(quiet_hours=wanted)
    for _ in range(2):
        await bob.do(mesh.conversations.SetQuietHours, request)
    kept = QuietHours(periods=[nightly], time_zone="Asia/Shanghai", until_ms=5, version=2)
    assert (await bob.do(mesh.conversations.GetQuietHours, GetQuietHoursRequest())).quiet_hours == kept
    assert (await notice(bob, 2)).conversation_id == ""
    for bad in (QuietHours(time_zone="Mars/Olympus"), QuietHours(periods=[QuietPeriod(weekdays=128)])):
        request = SetQuietHoursRequest(quiet_hours=bad)
        refused = await refusal(bob.do(mesh.conversations.SetQuietHours, request))
        assert (refused.reason, refused.fields[0].field.split(".")[0]) == ("INVALID_REQUEST", "quiet_hours")
