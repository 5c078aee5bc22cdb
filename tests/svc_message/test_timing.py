"""What happens at its time: messages for later, posts that destroy themselves, entries that are not kept."""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import Code
from parley.conversation.v1.conversation_pb2 import ConversationSettings, Position, QuietHours
from parley.conversation.v1.conversation_service_pb2 import (
    GetConversationRequest,
    GetQuietHoursRequest,
    SetQuietHoursRequest,
    SetRetentionRequest,
    UpdateSettingsRequest,
)
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.log.v1.log_service_pb2 import ForgetUserRequest
from parley.message.v1.entry_pb2 import Content, Entry, Recall
from parley.message.v1.message_service_pb2 import (
    CancelScheduledMessageRequest,
    ListScheduledMessagesRequest,
    ScheduledMessage,
    ScheduleMessageRequest,
    SearchMessagesRequest,
    Send,
)
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, recall, send, text
from tests.svc_message.directory import BROKEN
from tests.svc_message.world import World, eventually, mesh_of_one, process, refusal

MINUTE, DAY = 60, 86_400


async def schedule(device: Device, message: Send, seconds: float) -> ScheduledMessage:
    """Schedule a message for so many seconds from now."""
    send_at_ms = device.world.clock.now_ms() + int(seconds * 1_000)
    request = ScheduleMessageRequest(send=message, send_at_ms=send_at_ms)
    return (await device.do(device.world.messages.ScheduleMessage, request)).message


async def waiting(device: Device) -> list[ScheduledMessage]:
    """What waits, read in pages."""
    found: list[ScheduledMessage] = []
    token = ""
    while True:
        request = ListScheduledMessagesRequest(page_size=40, page_token=token)
        page = await device.do(device.world.messages.ListScheduledMessages, request)
        found += page.messages
        token = page.next_page_token
        if not token:
            return found


async def cancel(device: Device, message: Send) -> None:
    """Take a scheduled message back."""
    request = CancelScheduledMessageRequest(
        conversation_id=message.conversation_id, client_message_id=message.client_message_id
    )
    await device.do(device.world.messages.CancelScheduledMessage, request)


async def keep(device: Device, chat: str, days: int) -> None:
    """Set retention."""
    request = SetRetentionRequest(conversation_id=chat, days=days)
    await device.do(device.world.conversations.SetRetention, request)


async def kinds(device: Device, chat: str) -> dict[int, str]:
    """What stands at each place that the user sees."""
    entries = (await device.history(chat, limit=200)).entries
    return {one.seq: one.content.WhichOneof("kind") or "" for one in entries}


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
    await eventually(lambda: _waits(ann, [later]))
    [answer] = await ann.results(soon)
    assert (answer.seq, answer.duplicate) == (1, True)
    assert (await schedule(ann, soon, MINUTE)).send == soon
    assert len(await waiting(ann)) == 1


async def _waits(device: Device, messages: list[Send]) -> bool:
    return [one.send for one in await waiting(device)] == messages


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
    await eventually(lambda: _waits(ann, []))
    assert len((await bob.history(chat)).entries) == 1


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
    await eventually(lambda: _waits(bob, []))
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
    await eventually(lambda: _waits(bob, []))
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


async def _tried(mesh: World) -> bool:
    """It was put off: its time is another one than the one it was scheduled for."""
    with sqlite3.connect(mesh.database) as store:
        [(due, send_at)] = store.execute("SELECT due_at_ms, send_at_ms FROM scheduled").fetchall()
    return bool(due > send_at)


async def test_what_a_node_left_half_sent_is_sent_by_the_next_one(tmp_path: Path) -> None:
    """A node that died after it had written, or before, leaves a claimed message: it is there once in both cases."""
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        chat = direct(ann, bob)
        written, unwritten = post(chat, "written"), post(chat, "unwritten")
        await schedule(ann, written, DAY)
        await schedule(ann, unwritten, DAY)
        await ann.seqs(written)
        with sqlite3.connect(made.database) as store:
            store.execute("UPDATE scheduled SET sending = 1, due_at_ms = 1")
        async with process(made, "message", number=2):
            made.clock.advance(3)
            await bob.entry(chat, 2)
            await eventually(lambda: _waits(ann, []))
        bodies = [one.content.post.body for one in (await bob.history(chat)).entries]
        assert bodies == [text("written"), text("unwritten")]


async def test_two_nodes_that_both_sweep_do_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that do not know of each other send each message once, and destroy each post with one recall."""
    monkeypatch.setattr("mesh.share.Share.has", lambda *_: True)
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        group = await groups.make(made, ann, bob)
        async with process(made, "message", number=2):
            gone = [vanishing(group, f"gone {number}", 5) for number in range(10)]
            await eventually(lambda: _taken(ann, gone))
            for number in range(20):
                await schedule(ann, post(group, f"later {number}"), 5)
            made.clock.advance(7)
            await bob.entry(group, 41)
            await eventually(lambda: _waits(ann, []))
            await eventually(lambda: _nothing_expires(made))
        found = await kinds(bob, group)
        assert sorted(found) == list(range(1, 42))
        assert Counter(found.values()) == {"membership": 1, "tombstone": 10, "post": 20, "recall": 10}


async def test_a_node_does_what_it_wrote_whoever_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is not the chosen one, and so never looks by itself, sends what was scheduled there, and lets go what
    was written there to destroy itself, each at its time.
    """
    monkeypatch.setattr("mesh.share.Share.has", lambda *_: False)
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        group = await groups.make(made, ann, bob)
        [gone] = await ann.seqs(vanishing(group, "gone", 5))
        made.clock.advance(7)
        assert (await bob.entry(group, gone + 1)).content.recall.target_seq == gone
        await schedule(ann, post(group, "later"), 5)
        made.clock.advance(7)
        assert (await bob.entry(group, gone + 2)).content.post.body == text("later")


async def _taken(device: Device, messages: list[Send]) -> bool:
    """Whether all are written. Until the gateway's link to a new node is up it refuses, and an app sends again."""
    return all(result.seq for result in await device.results(*messages))


def vanishing(chat: str, body: str, seconds: int) -> Send:
    """A post that destroys itself."""
    return post(chat, body, expires_after_ms=seconds * 1_000)


async def test_a_post_destroys_itself_after_the_other_one_has_read_it(mesh: World) -> None:
    """Not before it is read, nor before its time; then its words and those of its edits are gone from the store."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    [seq] = await ann.seqs(vanishing(chat, "swordfish", 30))
    await ann.seqs(edit(chat, seq, "swordfish too"))
    await ann.mark_read(chat, seq)
    mesh.clock.advance(MINUTE)
    await mesh.clock.sleep(2.5)
    assert await kinds(bob, chat) == {1: "post", 2: "edit"}
    await bob.mark_read(chat, seq)
    mesh.clock.advance(1.1)
    await eventually(lambda: _begun(mesh))
    mesh.clock.advance(31)
    entry = await bob.entry(chat, 3)
    assert entry.content == Content(recall=Recall(target_seq=seq, expired=True))
    assert entry.sender_id == ""
    assert await kinds(ann, chat) == {1: "tombstone", 2: "tombstone", 3: "recall"}
    assert "swordfish" not in str(await bob.history(chat))
    late = await ann.results(edit(chat, seq, "again"))
    assert late[0].error.reason == "ALREADY_RECALLED"
    mesh.clock.advance(5)
    with sqlite3.connect(mesh.database) as store:
        assert store.execute("SELECT count(*) FROM entry WHERE body LIKE '%swordfish%'").fetchone() == (0,)


async def _begun(mesh: World) -> bool:
    with sqlite3.connect(mesh.database) as store:
        return bool(store.execute("SELECT min(due_at_ms) FROM expiring").fetchone()[0])


async def test_in_groups_the_time_begins_with_the_sending(tmp_path: Path) -> None:
    """A post in a group goes after its time though nobody read it, also when its node was started again meanwhile."""
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        group = await groups.make(made, ann, bob)
        own = f"{ann.user_id}-{ann.user_id}"
        [seq] = await ann.seqs(vanishing(group, "gone", 30))
        [note] = await ann.seqs(vanishing(own, "note", 30))
        await ann.post(group, "stays")
    async with mesh_of_one(tmp_path) as made:
        reader = await new_device(made, ann.user_id).connect()
        made.clock.advance(40)
        await reader.entry(group, 4)
        await reader.entry(own, note + 1)
        assert await kinds(reader, group) == {1: "membership", seq: "tombstone", 3: "post", 4: "recall"}


async def test_a_post_that_was_taken_back_is_not_destroyed_again(mesh: World) -> None:
    """A recall before its time is the end of it: there is no second one."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bob)
    [seq] = await ann.seqs(vanishing(group, "gone", 30))
    await ann.seqs(recall(group, seq))
    mesh.clock.advance(40)
    await eventually(lambda: _nothing_expires(mesh))
    assert await kinds(bob, group) == {1: "membership", 2: "tombstone", 3: "recall"}


async def _nothing_expires(mesh: World) -> bool:
    with sqlite3.connect(mesh.database) as store:
        return not store.execute("SELECT count(*) FROM expiring").fetchone()[0]


async def test_only_the_server_says_that_a_post_has_destroyed_itself(mesh: World) -> None:
    """A device that says so is refused, and so is a time beyond a week."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    seq = await ann.post(chat)
    lie = send(chat, Content(recall=Recall(target_seq=seq, expired=True)))
    assert await ann.refused(lie) == "CONTENT_NOT_ALLOWED"
    assert await ann.refused(vanishing(chat, "x", 7 * DAY + 1)) == "INVALID_REQUEST"


async def removed_up_to(mesh: World, device: Device, chat: str, first: int) -> None:
    """Wait until the first entry that a user sees is this one."""

    async def met() -> bool:
        mesh.clock.advance(MINUTE)
        return min(await kinds(device, chat), default=0) == first

    await eventually(met)


async def test_entries_are_removed_after_their_days(mesh: World) -> None:
    """A Cut stands for what is gone; who resumes from before it, and who is new, begins there; unread is right."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bob)
    await ann.seqs(*(post(group, f"old {number}", mentioned_user_ids=[bob.user_id]) for number in range(5)))
    await bob.sync([Position(conversation_id=group)])
    request = SearchMessagesRequest(conversation_id=group, query="old")
    assert len((await bob.do(mesh.messages.SearchMessages, request)).entries) == 5
    await keep(ann, group, 2)
    retention = (await bob.entry(group, 7)).content.retention
    assert retention.days == 2
    mesh.clock.advance(DAY)
    fresh = await (await new_device(mesh, ann.user_id).connect()).post(group, "fresh")
    assert len(await kinds(bob, group)) == 8
    mesh.clock.advance(DAY + MINUTE)
    await removed_up_to(mesh, bob, group, 7)
    page = await bob.history(group)
    assert [(one.seq, one.content.WhichOneof("kind")) for one in page.entries] == [(7, "cut"), (fresh, "post")]
    assert page.entries[0].content.cut.until_seq == fresh
    synced = await bob.sync([Position(conversation_id=group, seq=2)])
    assert [one.seq for one in synced.entries] == [7, fresh]
    assert (synced.states[0].first_seq, synced.states[0].head_seq) == (7, fresh)
    assert await bob.unread(group) == (1, 0)
    eve = await new_device(mesh).connect()
    joined = await groups.add(mesh, group, eve, history_visible=True)
    synced = await eve.sync([Position(conversation_id=group)])
    assert [one.seq for one in synced.entries] == [7, fresh, joined]
    assert not synced.remaining
    with sqlite3.connect(mesh.database) as store:
        assert store.execute("SELECT count(*) FROM entry WHERE body LIKE '%old %'").fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM search WHERE words LIKE '%old%'").fetchone() == (0,)


async def test_a_log_keeps_its_head_when_all_of_it_goes(mesh: World) -> None:
    """The last entry becomes a Cut in its place, and the next one has the next seq."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat, "old")
    await keep(bob, chat, 1)
    mesh.clock.advance(2 * DAY + MINUTE)
    ann = await new_device(mesh, ann.user_id).connect()
    await removed_up_to(mesh, ann, chat, 2)
    assert await kinds(ann, chat) == {2: "cut"}
    for _ in range(3):
        mesh.clock.advance(2 * MINUTE)
    ann = await new_device(mesh, ann.user_id).connect()
    assert await ann.post(chat, "new") == 3
    assert await kinds(ann, chat) == {2: "cut", 3: "post"}


async def test_much_is_removed_in_pieces(mesh: World) -> None:
    """More entries than go at a time are all gone after some rounds."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    for _ in range(24):
        await ann.seqs(*(post(chat, "x") for _ in range(50)))
    await keep(ann, chat, 1)
    mesh.clock.advance(2 * DAY)
    await removed_up_to(mesh, bob, chat, 1_201)


async def test_who_says_how_long_entries_are_kept(mesh: World) -> None:
    """In a group its owner, in a direct chat either of the two, nobody else; the same again says nothing again."""
    ann, bob, eve = await new_device(mesh).connect(), await new_device(mesh).connect(), new_device(mesh)
    group, chat = await groups.make(mesh, ann, bob), direct(ann, bob)
    await ann.post(chat)
    assert (await refusal(keep(bob, group, 1))).reason == "NOT_ALLOWED"
    assert (await refusal(keep(eve, group, 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(keep(eve, chat, 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(keep(ann, chat, 3_651))).reason == "INVALID_REQUEST"
    for _ in range(2):
        await keep(bob, chat, 30)
    await keep(ann, chat, 0)
    entries = (await ann.history(chat)).entries
    assert [(one.sender_id, one.content.retention.days) for one in entries[1:]] == [(bob.user_id, 30), (ann.user_id, 0)]
    shown = await bob.do(mesh.conversations.GetConversation, GetConversationRequest(conversation_id=chat))
    assert shown.conversation.retention_days == 0
    mesh.clock.advance(40 * DAY)
    for _ in range(3):
        mesh.clock.advance(MINUTE)
    assert len(await kinds(bob, chat)) == 3


async def test_who_may_not_write_to_somebody_does_not_let_their_chat_go(mesh: World) -> None:
    """Retention is an entry of the other one's log: who was blocked, or is nobody to them, cannot write it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await bob.post(chat, "before")
    mesh.directory.verdicts[bob.user_id, ann.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
    mesh.clock.advance(2 * MINUTE)  # what was answered before the block holds no longer
    late = await new_device(mesh, bob.user_id).connect()
    assert (await refusal(keep(late, chat, 1))).reason == "RECEIVER_UNAVAILABLE"
    nobody = new_device(mesh)
    mesh.directory.verdicts[bob.user_id, nobody.user_id] = ContactVerdict.CONTACT_VERDICT_RECEIVER_UNKNOWN
    assert (await refusal(keep(late, direct(bob, nobody), 1))).reason == "CONVERSATION_NOT_FOUND"
    assert await kinds(new_device(mesh, ann.user_id), chat) == {1: "post"}
