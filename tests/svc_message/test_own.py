"""What each user has of a conversation for themselves."""

import asyncio
import itertools
import sqlite3

from mesh.errors import Code
from parley.conversation.v1.conversation_pb2 import ConversationSettings, QuietHours, QuietPeriod
from parley.conversation.v1.conversation_service_pb2 import (
    GetQuietHoursRequest,
    ListConversationsRequest,
    SetQuietHoursRequest,
)
from parley.message.v1.notice_pb2 import ConversationNotice
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.own_part import FOR_EVER, configure, delete, hide, ids, notice, shown
from tests.svc_message.world import World, refusal


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


async def test_a_chat_that_came_back_is_archived_no_more(mesh: World) -> None:
    """Once somebody has written, neither an answer nor a notice says archived, and muting does not put it away."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await configure(bob, chat, archived=True)
    await ann.post(chat, "are you there?")
    assert not (await configure(bob, chat, pinned=True)).archived
    assert not (await notice(bob, 2)).archived
    assert not (await configure(bob, chat, muted_until_ms=FOR_EVER)).archived
    assert (await ids(bob), await ids(bob, archived=True)) == ([chat], [])
    assert (await configure(bob, chat, archived=True)).archived
    await ann.post(chat, "still muted")
    assert (await configure(bob, chat, remark="Ann")).archived
    assert (await ids(bob), await ids(bob, archived=True)) == ([], [chat])


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
