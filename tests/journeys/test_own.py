"""What people have of their chats for themselves, and messages that have their time."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from parley.conversation.v1 import conversation_pb2
from parley.message.v1 import body_pb2, notice_pb2
from parley_sdk import HistorySkipped, ParleyError, answer_to, export
from tests import files
from tests.journeys.people import Device, People, numbered, unique

Settings = conversation_pb2.ConversationSettings
FOR_EVER = 2**63 - 1


def notices(device: Device) -> list[notice_pb2.ConversationNotice]:
    """What a device was told of its user's chats."""
    told = (entry.content for entry in device.shown[device.user_id])
    return [content.conversation for content in told if content.HasField("conversation")]


async def until_told(device: Device, chat: str, version: int) -> notice_pb2.ConversationNotice:
    """Wait until a device knows this version, or a later one."""

    def found() -> list[notice_pb2.ConversationNotice]:
        return [one for one in notices(device) if one.conversation_id == chat and one.version >= version]

    return (await device.until(found, f"version {version} of {chat}"))[0]


async def chats(device: Device, *, archived: bool = False) -> list[str]:
    """The list of a device."""
    return [one.conversation_id for one in await device.client.conversations.list(archived=archived)]


async def test_settings_reach_every_device_of_their_user(people: People) -> None:
    """What one sets on the phone is on the tablet, also when that was offline meanwhile, and nobody else sees it."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(ann)
    chat, other = ann.chat_with(bob), ann.chat_with(eve)
    await bob.say(chat, "hello")
    await eve.say(other, "hello")
    await tablet.until_text(other, "hello")
    await tablet.client.disconnect()
    update = ann.client.conversations.update_settings
    await update(chat, Settings(pinned=True, remark="Bobby"), ["pinned", "remark"])
    await update(chat, Settings(muted_until_ms=FOR_EVER), ["muted_until_ms"])
    await update(other, Settings(archived=True), ["archived"])
    await update(chat, Settings(draft="dear Bob"), ["draft"])
    await tablet.client.connect()
    told = await until_told(tablet, chat, 2)
    assert (told.pinned, told.remark, told.muted_until_ms) == (True, "Bobby", FOR_EVER)
    assert (await until_told(tablet, chat, 3)).has_draft
    kept = Settings(pinned=True, remark="Bobby", muted_until_ms=FOR_EVER, draft="dear Bob")
    for device in (ann, tablet):
        assert (await device.client.conversations.get(chat)).settings == kept
        assert (await chats(device), await chats(device, archived=True)) == ([chat], [other])
    assert (await bob.client.conversations.get(chat)).settings == Settings()
    assert not notices(bob)
    await eve.say(other, "are you there?")
    await tablet.until_text(other, "are you there?")
    assert await chats(tablet) == [chat, other]
    assert "dear Bob" not in str(tablet.shown)


async def test_what_is_hidden_is_hidden_on_every_device(people: People) -> None:
    """Hidden messages and a deleted chat are gone from all devices of one user; the others keep them."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(ann)
    chat = ann.chat_with(bob)
    await bob.say(chat, *numbered("old", range(3)))
    await tablet.until_text(chat, "old 2")
    await tablet.client.disconnect()
    await bob.say(chat, "secret", "fine")
    await ann.until_text(chat, "fine")
    await ann.client.messages.hide(chat, [1, 4])
    view = await ann.client.conversations.get(chat)
    assert (view.unread_count, view.last_entry.seq) == (3, 5)
    await tablet.client.connect()
    assert list((await until_told(tablet, chat, 1)).hidden_seqs) == [1, 4]
    await tablet.until_seq(chat, 5)
    assert tablet.texts(chat) == [*numbered("old", range(3)), "fine"]
    assert tablet.seqs(chat) == [1, 2, 3, 4, 5]
    assert [entry.content.WhichOneof("kind") for entry in await tablet.history(chat)] == [
        "hidden",
        "post",
        "post",
        "hidden",
        "post",
    ]
    await tablet.client.conversations.delete(chat)
    assert (await until_told(ann, chat, 2)).cleared_seq == 5
    assert await chats(ann) == []
    await bob.say(chat, "hello again")
    await ann.until_text(chat, "hello again")
    [back] = await ann.client.conversations.list()
    assert (back.conversation_id, back.unread_count, back.first_seq) == (chat, 1, 6)
    assert [entry.seq for entry in await tablet.history(chat)] == [6]
    laptop = await people.another(ann)
    await laptop.until_text(chat, "hello again")
    assert laptop.seqs(chat) == [6]
    assert len(await bob.history(chat)) == 6


async def test_messages_have_their_time(people: People) -> None:
    """A scheduled message is sent while its device is offline, and comes to it too; a read one destroys itself."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    chat = ann.chat_with(bob)
    sent = await ann.client.send(chat, "burn after reading", expires_after_ms=300)
    await tablet.until_text(chat, "burn after reading")
    await tablet.client.disconnect()
    now_ms = time.time_ns() // 1_000_000
    await ann.client.schedule(chat, "good morning", now_ms + 700)
    cancelled = await ann.client.schedule(chat, "never", now_ms + 700)
    await ann.client.messages.cancel_scheduled(chat, cancelled.send.client_message_id)
    await ann.client.disconnect()
    await bob.client.mark_read(chat, sent.seq)
    await bob.until_text(chat, "good morning")
    recall = (await bob.until_kind(chat, "recall")).content.recall
    assert (recall.target_seq, recall.expired) == (sent.seq, True)
    for device in (ann, tablet):
        await device.client.connect()
        await device.until_text(chat, "good morning")
        await device.until_kind(chat, "recall")
        assert device.seqs(chat) == [1, 2, 3]
        assert "burn after" not in str(await device.history(chat))
    assert await ann.client.messages.scheduled() == []
    assert "never" not in bob.texts(chat)


async def test_a_scheduled_answer_is_written_as_things_are_then(people: People) -> None:
    """It answers and mentions whom it was meant to, without the words of what was recalled meanwhile; asked for
    again after it was sent it is not sent anew.
    """
    ann, bob = await people.users("ann", "bob")
    tablet, group = await people.another(bob), await people.open_group(ann, bob)
    await tablet.client.disconnect()
    asked = await bob.client.send(group, "a secret")
    post = answer_to(await ann.client.messages.one(group, asked.seq), body_pb2.Body(text=body_pb2.Text(text="I see")))
    post.mentioned_user_ids.append(bob.user_id)
    kept = await ann.client.schedule(group, post, time.time_ns() // 1_000_000 + 600)
    assert kept.send.content.post.reply_preview == "a secret"
    await bob.client.recall(group, asked.seq)
    await tablet.client.connect()
    for device in (ann, bob, tablet):
        await device.until_text(group, "I see")
        written = device.shown[group][-1].content.post
        assert (written.reply_to_seq, written.reply_preview) == (asked.seq, "")
    assert (await tablet.client.conversations.get(group)).mention_count == 1
    assert await ann.client.messages.schedule(kept.send, kept.send_at_ms) == kept
    assert await ann.client.messages.scheduled() == []


async def test_who_keeps_what_is_agreed(people: People) -> None:
    """How long entries are kept stands in the log of all, its owner alone says it, and nothing goes at once."""
    owner, member = await people.users("owner", "member")
    tablet = await people.another(member)
    group = await people.open_group(owner, member)
    await tablet.client.disconnect()
    with pytest.raises(ParleyError) as refused:
        await member.client.conversations.set_retention(group, 7)
    assert refused.value.reason == "NOT_ALLOWED"
    await owner.client.conversations.set_retention(group, 7)
    await tablet.client.connect()
    seen = [await device.until_kind(group, "retention") for device in (member, tablet)]
    assert [(one.content.retention.days, one.sender_id) for one in seen] == [(7, owner.user_id)] * 2
    assert (await tablet.client.conversations.get(group)).retention_days == 7
    assert [one.seq for one in await owner.history(group)] == list(range(1, seen[0].seq + 1))
    assert not tablet.of(HistorySkipped)


async def test_everything_that_is_ones_own_can_be_taken_away(people: People, tmp_path: Path) -> None:
    """The export has all that one has and sees, in private files, without what one has hidden."""
    ann, bob = await people.users("ann", "bob")
    await people.befriend(ann, bob)
    group = await people.open_group(ann, bob)
    chat = ann.chat_with(bob)
    await bob.say(chat, *numbered("message", range(450)))
    await ann.client.messages.hide(chat, [2])
    await ann.client.schedule(chat, "later", time.time_ns() // 1_000_000 + 3_600_000)
    folder = tmp_path / "mine"
    assert await export(ann.client, folder) == 3
    lines = (folder / "conversations" / f"{chat}.jsonl").read_text().splitlines()
    texts = [json.loads(line)["content"]["post"]["body"]["text"]["text"] for line in lines]
    assert texts == [f"message {number}" for number in range(450) if number != 1]
    assert json.loads((folder / "profile.json").read_text())["username"] == ann.username
    assert [one["user_id"] for one in json.loads((folder / "friends.json").read_text())] == [bob.user_id]
    assert [one["group_id"] for one in json.loads((folder / "groups.json").read_text())] == [group]
    assert len(json.loads((folder / "scheduled.json").read_text())) == 1
    assert (folder / "conversations" / f"{ann.user_id}.jsonl").exists()
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}
    with pytest.raises(ParleyError) as refused:
        _ = [entry async for entry in ann.client.conversations.export(bob.user_id)]
    assert refused.value.reason == "CONVERSATION_NOT_FOUND"


async def test_what_one_set_and_made_is_taken_away_too(people: People, tmp_path: Path) -> None:
    """Privacy settings, files, bots, reports, and requests to be friends or a member stand in the export."""
    ann, bob = await people.users("ann", "bob")
    bot = await ann.client.bots.create(f"{unique('a')}_bot", "Ann's")
    media = await ann.client.media.upload(files.picture(8, 8), name="sea.jpg")
    report = await ann.client.reports.user(bob.user_id, "rude")
    await ann.client.settings.change_privacy(hide_read_receipts=True)
    request = await ann.client.friends.request(bob.user_id, "let us meet")
    group = (await bob.client.groups.create("Bob's", [ann.user_id])).group.group_id
    await export(ann.client, tmp_path / "mine")

    def kept(name: str) -> Any:
        return json.loads((tmp_path / "mine" / f"{name}.json").read_text())

    assert kept("privacy")["hide_read_receipts"]
    assert [(one["media_id"], one["file_name"]) for one in kept("media")] == [(media.media_id, "sea.jpg")]
    assert [one["user"]["user_id"] for one in kept("bots")] == [bot.user.user_id]
    assert [(one["report_id"], one["explanation"]) for one in kept("reports")] == [(report, "rude")]
    assert [one["friend_request_id"] for one in kept("friend_requests")] == [request.friend_request_id]
    assert [one["group_id"] for one in kept("join_requests")] == [group]
