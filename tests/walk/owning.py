"""Steps about what a user has of conversations for themselves, and about what waits for its time."""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from parley.conversation.v1 import conversation_pb2
from parley.message.v1 import body_pb2
from tests.journeys.people import Device
from tests.walk import checks, rules, views
from tests.walk.model import Chat
from tests.walk.walk import ALL, WORDS, Act, Walk
from tests.walk.writing import packed, place, text_body, user_gone

Settings = conversation_pb2.ConversationSettings
FOR_EVER: Final = 2**63 - 1
HOUR_MS: Final = 3_600_000


def mine(walk: Walk, rng: random.Random) -> tuple[str, Device, Chat] | None:
    """Someone, a device of theirs, online or not, and a conversation; seldom one in which they never were."""
    user = walk.user(rng)
    chats = list(walk.model.chats.values())
    inside = [chat for chat in chats if user in chat.places]
    chosen = chats if rng.random() < 0.05 else inside
    return (user, walk.any_device(user, rng), rng.choice(chosen)) if chosen else None


def read(walk: Walk, rng: random.Random) -> Act | None:
    """Mark as read: up to the newest, somewhere before, or beyond."""
    found = mine(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    marked = [one for one in walk.model.of(user) if one.own(user).unread_at == one.places[user].read]
    chat = rng.choice(marked) if marked and rng.random() < 0.5 else chat
    last = views.bounds(chat, user)[1] if user in chat.places else 0
    seq = rng.choice([last, last, max(1, last - rng.randint(1, 5)), last + 3])
    words = f"{walk.name(user)} reads {chat.id} to {seq}"

    async def run() -> None:
        refusal = "CONVERSATION_NOT_FOUND" if not last else "RANGE_INVALID" if seq > last else ""
        answer = await walk.ask(device.client.conversations.mark_read(chat.id, max(seq, 1)), refusal, words)
        if answer is not None:
            chat.places[user].read = max(chat.places[user].read, seq)
            walk.same(words, chat.places[user].read, answer)
            checks.summary(walk, chat, user, await device.client.conversations.get(chat.id), words)

    return Act(frozenset((chat.id, *chat.users)), words, run)


def settings(walk: Walk, rng: random.Random) -> Act | None:
    """Change a setting of a conversation, or several at once."""
    found = mine(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    fields = rng.sample(
        ["pinned", "muted_until_ms", "archived", "marked_unread", "draft", "remark"], rng.choice([1, 1, 2])
    )
    wanted = Settings(
        pinned=rng.random() < 0.6,
        muted_until_ms=rng.choice([0, FOR_EVER]),
        archived=rng.random() < 0.7,
        marked_unread=rng.random() < 0.7,
        draft=rng.choice(["", walk.word(rng)[0]]),
        remark=rng.choice(["", walk.word(rng)[0]]),
    )
    words = f"{walk.name(user)} sets {fields} of {chat.id}"

    async def run() -> None:
        refusal = "" if user in chat.places else "CONVERSATION_NOT_FOUND"
        answer = await walk.ask(device.client.conversations.update_settings(chat.id, wanted, fields), refusal, words)
        if answer is not None:
            take(chat, user, fields, wanted)
            checks.settings(walk, chat, user, answer, words)

    return Act(frozenset((chat.id,)), words, run)


def take(chat: Chat, user: str, fields: Iterable[str], wanted: Settings) -> None:
    """Take the fields into the model."""
    before, own = replace(chat.own(user)), chat.own(user)
    awake(chat, user)
    for field in sorted(fields, key=_ORDER.index):
        configure(chat, user, field, wanted)
    if own == replace(before, archived_at=own.archived_at):
        own.archived_at = before.archived_at if own.archived_at < 0 and "archived" not in fields else own.archived_at


def awake(chat: Chat, user: str) -> None:
    """What came back from the archive stays so, once something of it is changed."""
    if not views.archived(chat, user):
        chat.own(user).archived_at = -1


_ORDER: Final = ["archived", "muted_until_ms", "pinned", "marked_unread", "draft", "remark"]


def configure(chat: Chat, user: str, field: str, wanted: Settings) -> None:
    """Take one field into the model."""
    own, last = chat.own(user), views.bounds(chat, user)[1]
    match field:
        case "pinned":
            own.pinned = wanted.pinned
        case "muted_until_ms":
            changed = own.muted != bool(wanted.muted_until_ms)
            # What came while it was muted does not bring it back when the mute ends.
            own.archived_at = last if changed and own.archived_at >= 0 else own.archived_at
            own.muted = bool(wanted.muted_until_ms)
        case "archived":
            own.archived_at = last if wanted.archived else -1
        case "marked_unread":
            own.unread_at = chat.places[user].read if wanted.marked_unread else -1
        case "draft":
            own.draft = wanted.draft
        case _:
            own.remark = wanted.remark


def settings_race(walk: Walk, rng: random.Random) -> Act | None:
    """Two devices of one user set the same at once: one of them wins, and different fields both do."""
    found = mine(walk, rng)
    if found is None or found[0] not in found[2].places or len(walk.devices[found[0]]) < 2:
        return None
    user, _, chat = found
    one, other = rng.sample(walk.devices[user], 2)
    words = f"{walk.name(user)} sets a remark and a draft of {chat.id} on two devices"

    async def run() -> None:
        texts = [walk.word(rng)[0] for _ in range(3)]
        await asyncio.gather(
            one.client.conversations.update_settings(chat.id, Settings(remark=texts[0]), ["remark"]),
            other.client.conversations.update_settings(chat.id, Settings(remark=texts[1]), ["remark"]),
            other.client.conversations.update_settings(chat.id, Settings(draft=texts[2]), ["draft"]),
        )
        kept = (await one.client.conversations.get(chat.id)).settings
        walk.same(words, (True, texts[2]), (kept.remark in texts[:2], kept.draft))
        awake(chat, user)
        chat.own(user).remark, chat.own(user).draft = kept.remark, kept.draft

    return Act(frozenset((chat.id,)), words, run)


def hide(walk: Walk, rng: random.Random) -> Act | None:
    """Hide entries from one's own devices."""
    found = mine(walk, rng)
    if found is None or found[0] not in found[2].places:
        return None
    user, device, chat = found
    posts = [one.seq for one in views.shown(chat, user) if one.kind == "post"]
    if not posts:
        return None
    seqs = set(rng.sample(posts, min(len(posts), rng.randint(1, 2))))
    words = f"{walk.name(user)} hides {sorted(seqs)} of {chat.id}"

    async def run() -> None:
        await walk.ask(device.client.messages.hide(chat.id, seqs), "", words)
        # With what changes them by now, but for reactions and what is a tombstone already.
        changes = [one for one in chat.log if one.kind in {"edit", "recall", "pin"} and not one.gone]
        edits = {one.seq for one in changes if one.target in seqs}
        awake(chat, user)
        chat.own(user).hidden |= seqs | edits

    return Act(frozenset((chat.id,)), words, run)


def delete(walk: Walk, rng: random.Random) -> Act | None:
    """Take a conversation off one's list."""
    found = mine(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    words = f"{walk.name(user)} deletes {chat.id}"

    async def run() -> None:
        refusal = "" if user in chat.places else "CONVERSATION_NOT_FOUND"
        await walk.ask(device.client.conversations.delete(chat.id), refusal, words)
        if not refusal:
            own = chat.own(user)
            own.cleared, own.deleted, own.hidden = max(own.cleared, views.bounds(chat, user)[1]), True, set()
            own.pinned, own.archived_at, own.unread_at, own.draft = False, -1, -1, ""

    return Act(frozenset((chat.id,)), words, run)


def retention(walk: Walk, rng: random.Random) -> Act | None:
    """Say how long entries are kept; nothing of a walk is as old."""
    found = mine(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    if chat.group is None and user not in chat.users:
        return None
    days = rng.choice([one for one in (0, 7, 30) if one != chat.days])
    words = f"{walk.name(user)} keeps {chat.id} for {days} days"

    async def run() -> None:
        refusal = rules.retention(walk.model, chat, user)
        await walk.ask(device.client.conversations.set_retention(chat.id, days), refusal, words)
        if not refusal:
            chat.append("retention", user, told=days)
            chat.days = days
            await walk.log_reaches(chat, user)

    return Act(frozenset((chat.id,)), words, run)


def schedule(walk: Walk, rng: random.Random) -> Act | None:
    """Have something sent in a moment, and wait until it is there."""
    found = place(walk, rng)
    if found is None or user_gone(found[2], found[0]) or rules.write(walk.model, found[2], found[0], "post"):
        return None
    user, device, chat = found
    words = f"{walk.name(user)} schedules for now in {chat.id}"

    async def run() -> None:
        text, said = walk.word(rng)
        await device.client.schedule(chat.id, text, time.time_ns() // 1_000_000 + 500)
        chat.append("post", user, body=packed(text_body(text)), words=said)
        await walk.log_reaches(chat, user)

    return Act(frozenset((chat.id,)), words, run)


def schedule_later(walk: Walk, rng: random.Random) -> Act | None:
    """Have something sent much later, or take such a thing back."""
    found = place(walk, rng)
    if found is None or user_gone(found[2], found[0]):
        return None
    user, device, chat = found
    waiting = [number for (one, number), where in walk.model.scheduled.items() if one == user and where == chat.id]
    words = f"{walk.name(user)} schedules for later in {chat.id}, or cancels {waiting}"

    async def run() -> None:
        if waiting and rng.random() < 0.6:
            await device.client.messages.cancel_scheduled(chat.id, waiting[0])
            del walk.model.scheduled[user, waiting[0]]
            again = device.client.messages.cancel_scheduled(chat.id, waiting[0])
            await walk.ask(again, "ENTRY_NOT_FOUND", words)
            return
        later = time.time_ns() // 1_000_000 + HOUR_MS
        kept = await device.client.schedule(chat.id, body_pb2.Body(text=body_pb2.Text(text="later")), later)
        walk.model.scheduled[user, kept.send.client_message_id] = chat.id

    return Act(frozenset((chat.id, user)), words, run)


def search(walk: Walk, rng: random.Random) -> Act | None:
    """Look for a word."""
    user, word = walk.user(rng), rng.choice(WORDS)
    words = f"{walk.name(user)} looks for {word}"
    run = partial(checks.search, walk, user, walk.any_device(user, rng), word)
    return Act(frozenset((ALL,)), words, run)


def look(walk: Walk, rng: random.Random) -> Act | None:
    """Open a conversation: its summary, a page of its history with what changed it, its pins."""
    found = mine(walk, rng)
    if found is None or found[0] not in found[2].places:
        return None
    user, device, chat = found
    words = f"{walk.name(user)} looks at {chat.id}"

    async def run() -> None:
        checks.summary(walk, chat, user, await device.client.conversations.get(chat.id), words)
        await checks.page(walk, chat, user, device, rng)
        await checks.pins(walk, chat, user, device)
        await checks.of_sender(walk, chat, user, walk.user(rng), device)

    return Act(frozenset((chat.id, *chat.users)), words, run)
