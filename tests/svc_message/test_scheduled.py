"""Messages for later: written once when their time has come, or taken back before."""

import asyncio
import sqlite3
from collections.abc import Collection, Sequence
from unittest import mock

from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import Code
from mesh.infrastructure.sqlite import unavailable
from parley.conversation.v1.conversation_pb2 import ConversationSettings, QuietHours
from parley.conversation.v1.conversation_service_pb2 import (
    GetConversationRequest,
    GetQuietHoursRequest,
    SetQuietHoursRequest,
    UpdateSettingsRequest,
)
from parley.log.v1.log_service_pb2 import ForgetUserRequest
from parley.message.v1.entry_pb2 import Entry
from parley.message.v1.message_service_pb2 import (
    CancelScheduledMessageRequest,
    ListScheduledMessagesRequest,
    ScheduleMessageRequest,
    Send,
)
from svc_message.domain.entry import Row, Stored
from svc_message.domain.timing.schedule import CLAIM_MS, Scheduled
from svc_message.infrastructure.sqlite import SqliteLog
from svc_message.infrastructure.sqlite.log import Key
from svc_message.infrastructure.sqlite.schedule import SqliteSchedules
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post, recall, text
from tests.svc_message.directory import BROKEN
from tests.svc_message.timed import DAY, MINUTE, kinds, schedule, waiting, waits
from tests.svc_message.world import World, eventually, refusal


async def cancel(device: Device, message: Send) -> None:
    """Take a scheduled message back."""
    request = CancelScheduledMessageRequest(
        conversation_id=message.conversation_id, client_message_id=message.client_message_id
    )
    await device.do(device.world.messages.CancelScheduledMessage, request)


async def test_a_scheduled_message_is_written_once_when_its_time_has_come(mesh: World) -> None:
    """It comes to all devices under the number of its device, that device included, and waits no more."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    later, soon = post(chat, "later"), post(chat, "soon")
    await schedule(ann, later, 2 * MINUTE)
    taken = await schedule(ann, soon, MINUTE)
    assert [one.send for one in await waiting(ann)] == [soon, later]
    assert await schedule(ann, soon, 5 * MINUTE) == taken
    assert not bob.entries(chat)
    mesh.clock.advance(MINUTE + 1)
    for device in (ann, bob):
        entry = await device.entry(chat, 1)
        assert (entry.client_message_id, entry.content, entry.sender_id) == (
            soon.client_message_id,
            soon.content,
            ann.user_id,
        )
    await eventually(lambda: waits(ann, [later]))
    [answer] = await ann.results(soon)
    assert (answer.seq, answer.duplicate) == (1, True)
    assert (await schedule(ann, soon, MINUTE)).send == soon
    assert len(await waiting(ann)) == 1


async def test_a_repetition_while_it_is_written_is_answered_as_before(mesh: World) -> None:
    """Who asks again at its time, and is overtaken by the writing between two looks, is not told that it is late."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    message, find, looked = post(direct(ann, bob), "soon"), SqliteLog.find, asyncio.Event()
    request = ScheduleMessageRequest(send=message, send_at_ms=mesh.clock.now_ms() + MINUTE * 1_000)
    first = await ann.do(mesh.messages.ScheduleMessage, request)

    async def overtaken(log: SqliteLog, keys: Collection[Key]) -> dict[Key, Stored]:
        found = await find(log, keys)
        if not looked.is_set():
            looked.set()
            mesh.clock.advance(MINUTE + 1)
            await bob.entry(message.conversation_id, 1)
            await eventually(lambda: waits(ann, []))
        return found

    with mock.patch.object(SqliteLog, "find", overtaken):
        assert await ann.do(mesh.messages.ScheduleMessage, request) == first
    assert len((await bob.history(message.conversation_id)).entries) == 1


async def test_a_scheduled_message_can_be_cancelled(mesh: World) -> None:
    """Any device of the user takes it back, once; it is then never written."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    message, other = post(chat, "no"), post(chat, "yes")
    await schedule(ann, message, MINUTE)
    await schedule(ann, other, MINUTE)
    await cancel(new_device(mesh, ann.user_id), message)
    assert (await refusal(cancel(ann, message))).reason == "ENTRY_NOT_FOUND"
    assert (await refusal(cancel(bob, other))).reason == "ENTRY_NOT_FOUND"
    mesh.clock.advance(MINUTE + 2)
    assert (await bob.entry(chat, 1)).content == other.content
    await eventually(lambda: waits(ann, []))
    assert len((await bob.history(chat)).entries) == 1


async def test_what_was_cancelled_is_not_sent_in_place_of_what_was_scheduled_anew(mesh: World) -> None:
    """Taken back after a node saw that it is due, and scheduled anew under its number: only the new words are written,
    at the new time.
    """
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    message, due, seen = post(direct(ann, bob), "wrong"), SqliteSchedules.due, asyncio.Event()
    better = post(message.conversation_id, "right", message.client_message_id)

    async def overtaken(schedules: SqliteSchedules, now_ms: int, limit: int) -> list[Scheduled]:
        found = await due(schedules, now_ms, limit)
        if found and not seen.is_set():
            await cancel(ann, message)
            await schedule(ann, better, 2 * MINUTE)
            seen.set()
        return found

    with mock.patch.object(SqliteSchedules, "due", overtaken):
        await schedule(ann, message, MINUTE)
        mesh.clock.advance(MINUTE + 2)
        await seen.wait()
        mesh.clock.advance(2 * MINUTE + 2)
        assert (await bob.entry(message.conversation_id, 1)).content == better.content
    await eventually(lambda: waits(ann, []))
    assert len((await bob.history(message.conversation_id)).entries) == 1


async def test_what_was_written_is_not_cancelled(mesh: World) -> None:
    """When the store wrote and its answer was lost, nobody is told that the message was taken back: neither before it
    is tried again nor after a try that nobody could judge.
    """
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    message, append, lost = post(direct(ann, bob), "sent"), SqliteLog.append, asyncio.Event()

    async def without_answer(log: SqliteLog, rows: Sequence[Row]) -> None:
        await append(log, rows)
        if not lost.is_set():
            lost.set()
            raise unavailable()

    await schedule(ann, message, MINUTE)
    with mock.patch.object(SqliteLog, "append", without_answer):
        mesh.clock.advance(MINUTE + 2)
        await eventually(lambda: _tried(mesh))
    assert (await refusal(cancel(ann, message))).reason == "ENTRY_NOT_FOUND"
    mesh.directory.failures = [BROKEN]
    mesh.clock.advance(2 * MINUTE)
    await eventually(lambda: _open(mesh))
    assert (await refusal(cancel(ann, message))).reason == "ENTRY_NOT_FOUND"
    mesh.clock.advance(6)
    assert (await ann.entry(message.conversation_id, 1)).content == message.content
    await eventually(lambda: waits(ann, []))


async def test_a_number_that_no_message_can_have_is_refused(mesh: World) -> None:
    """Taking back 2^63 is outside the limits of the request, as scheduling it is, and reaches no store."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    refused = await refusal(cancel(ann, post(direct(ann, bob), "x", 2**63)))
    assert (refused.code.name, refused.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    refused = await refusal(cancel(ann, post(direct(ann, bob), "x", 2**63 - 1)))
    assert (refused.code.name, refused.reason) == ("NOT_FOUND", "ENTRY_NOT_FOUND")


async def test_nothing_is_sent_for_a_user_who_is_forgotten(mesh: World) -> None:
    """What waited of a deleted user is gone, and their settings and quiet hours with it; others keep theirs."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat, "written")
    wanted = UpdateSettingsRequest(
        conversation_id=chat, settings=ConversationSettings(draft="unsaid"), update_mask=FieldMask(paths=["draft"])
    )
    quiet = SetQuietHoursRequest(quiet_hours=QuietHours(until_ms=mesh.clock.now_ms() + DAY * 1_000))
    for device in (ann, bob):
        await schedule(device, post(chat, device.user_id), MINUTE)
        await device.do(mesh.conversations.UpdateSettings, wanted)
        await device.do(mesh.conversations.SetQuietHours, quiet)
    for _ in range(2):
        await mesh.as_service(mesh.logs.ForgetUser, ForgetUserRequest(user_id=ann.user_id), "user")
    assert [len(await waiting(device)) for device in (ann, bob)] == [0, 1]
    request = GetConversationRequest(conversation_id=chat)
    found = [await device.do(mesh.conversations.GetConversation, request) for device in (ann, bob)]
    assert [one.conversation.settings.draft for one in found] == ["", "unsaid"]
    hours = [await device.do(mesh.conversations.GetQuietHours, GetQuietHoursRequest()) for device in (ann, bob)]
    assert [bool(one.quiet_hours.until_ms) for one in hours] == [False, True]
    mesh.clock.advance(MINUTE + 2)
    await ann.entry(chat, 2)
    await eventually(lambda: waits(bob, []))
    bodies = [one.content.post.body for one in (await bob.history(chat)).entries]
    assert bodies == [text("written"), text(bob.user_id)]
    denied = await refusal(ann.do(mesh.logs.ForgetUser, ForgetUserRequest(user_id=bob.user_id)))
    assert denied.code is Code.PERMISSION_DENIED


async def test_what_cannot_be_scheduled(mesh: World) -> None:
    """Past and far times, other kinds, other content under a used number, chats of others: each has its reason."""
    ann, bob, eve = await new_device(mesh).connect(), new_device(mesh), new_device(mesh)
    chat = direct(ann, bob)
    for seconds in (-1, 0, 400 * DAY):
        assert (await refusal(schedule(ann, post(chat), seconds))).reason == "TIME_INVALID"
    assert (await refusal(schedule(ann, post(chat, " "), MINUTE))).reason == "EMPTY_TEXT"
    assert (await refusal(schedule(ann, recall(chat, 1), MINUTE))).reason == "CONTENT_NOT_ALLOWED"
    assert (await refusal(schedule(eve, post(chat), MINUTE))).reason == "CONVERSATION_NOT_FOUND"
    await schedule(ann, post(chat, "one", 7), MINUTE)
    assert (await refusal(schedule(ann, post(chat, "two", 7), MINUTE))).reason == "MESSAGE_ID_CONFLICT"
    await ann.seqs(post(chat, "one", 8))
    assert (await refusal(schedule(ann, post(chat, "two", 8), MINUTE))).reason == "MESSAGE_ID_CONFLICT"
    request = ListScheduledMessagesRequest(page_token="bad")
    assert (await refusal(ann.do(mesh.messages.ListScheduledMessages, request))).reason == "PAGE_TOKEN_INVALID"


async def test_a_hundred_messages_may_wait(mesh: World) -> None:
    """One more is refused until one of them is gone."""
    ann, bob = new_device(mesh), new_device(mesh)
    chat = direct(ann, bob)
    messages = [post(chat, str(number)) for number in range(101)]
    await asyncio.gather(*(schedule(ann, message, DAY) for message in messages[:100]))
    refused = await refusal(schedule(ann, messages[100], DAY))
    assert (refused.code, refused.reason) == (Code.RESOURCE_EXHAUSTED, "SCHEDULE_LIMIT_REACHED")
    assert len(await waiting(ann)) == 100
    await cancel(ann, messages[3])
    await schedule(ann, messages[100], DAY)


async def test_rules_hold_when_the_time_has_come(mesh: World) -> None:
    """Who may not write any more then is told why in their personal log, and nothing is written."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bob)
    message = post(group, "too late")
    await schedule(bob, message, MINUTE)
    gone = await groups.kick(mesh, group, bob)
    mesh.clock.advance(MINUTE + 2)

    def told() -> list[Entry]:
        return [entry for entry in bob.entries(bob.user_id) if entry.content.HasField("schedule")]

    notice = (await bob.until(told))[0].content.schedule
    assert (notice.conversation_id, notice.client_message_id) == (group, message.client_message_id)
    assert notice.reason == "CONVERSATION_NOT_FOUND"
    await eventually(lambda: waits(bob, []))
    assert max(await kinds(ann, group)) == gone


async def test_while_nobody_can_say_a_scheduled_message_waits(mesh: World) -> None:
    """When the user service is away it is tried again until it answers; nothing is lost, and nothing told."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await schedule(ann, post(chat, "patience"), MINUTE)
    mesh.directory.failures = [BROKEN]
    mesh.clock.advance(MINUTE + 2)
    await eventually(lambda: _tried(mesh))
    assert len(await waiting(ann)) == 1
    mesh.clock.advance(6)
    assert (await bob.entry(chat, 1)).content.post.body == text("patience")
    assert not ann.entries(ann.user_id)


async def _open(mesh: World) -> bool:
    """Nobody sends it at this moment."""
    with sqlite3.connect(mesh.database) as store:
        return store.execute("SELECT sending FROM scheduled").fetchall() == [(0,)]


async def _tried(mesh: World) -> bool:
    """It was put off: it is tried again before a claim of it would end."""
    with sqlite3.connect(mesh.database) as store:
        [(due, send_at)] = store.execute("SELECT due_at_ms, send_at_ms FROM scheduled").fetchall()
    return bool(send_at < due < mesh.clock.now_ms() + CLAIM_MS / 2)
