"""What the server shows one user, held against the model."""

import asyncio
import random
from collections import defaultdict

from parley.conversation.v1 import conversation_pb2
from parley.group.v1 import member_pb2
from parley.message.v1 import entry_pb2, message_service_pb2
from parley_sdk import ParleyError, present
from tests.journeys.people import Device
from tests.walk import views
from tests.walk.model import Chat, Entry, Group
from tests.walk.walk import PATIENCE, WORDS, Walk
from tests.walk.wire import expected, told


def settings(walk: Walk, chat: Chat, user: str, server: conversation_pb2.ConversationSettings, words: str) -> None:
    """The settings of a conversation."""
    model = views.summary(walk.model, chat, user)
    walk.same(
        f"{words}: pinned, muted, archived, marked, draft, remark",
        (model.pinned, model.muted, model.archived, model.marked, model.draft, model.remark),
        (
            server.pinned,
            bool(server.muted_until_ms),
            server.archived,
            server.marked_unread,
            server.draft,
            server.remark,
        ),
    )


def summary(walk: Walk, chat: Chat, user: str, server: conversation_pb2.Conversation, words: str) -> None:
    """What a list says of a conversation."""
    model = views.summary(walk.model, chat, user)
    settings(walk, chat, user, server.settings, words)
    walk.same(
        f"{words}: first, head, left, read, unread, mentions, peer's read, last, days",
        (
            model.first,
            model.head,
            model.left,
            model.read,
            model.unread,
            model.mentions,
            server.peer_read_seq if model.peer_read is None else model.peer_read,
            model.last,
            model.days,
        ),
        (
            server.first_seq,
            server.head_seq,
            server.left_seq,
            server.read_seq,
            server.unread_count,
            server.mention_count,
            server.peer_read_seq,
            server.last_entry.seq,
            server.retention_days,
        ),
    )
    before = walk.rising.get((user, chat.id), 0)
    walk.holds(f"{words}: version rises", server.settings_version >= before)
    walk.rising[user, chat.id] = server.settings_version


async def page(walk: Walk, chat: Chat, user: str, device: Device, rng: random.Random) -> None:
    """Some of the history, whose later changes must come with it."""
    first, last = views.bounds(chat, user)
    if first > last:
        return
    begin = rng.randint(first, last)
    end = min(last, begin + rng.randint(0, 6))
    answer = await device.client.messages.stretch(chat.id, from_seq=begin, to_seq=end, limit=200)
    history(walk, chat, user, answer, begin, end)


async def whole(walk: Walk, chat: Chat, user: str, device: Device) -> None:
    """All of the history, page by page."""
    begin, last = views.bounds(chat, user)
    while begin <= last:
        answer = await device.client.messages.stretch(chat.id, from_seq=begin, limit=200)
        end = min(last, begin + 199)
        history(walk, chat, user, answer, begin, end)
        walk.same(f"more of {chat.id} behind {end}", end < last, answer.more)
        for one in answer.entries:
            _time(walk, chat, user, one)
        begin = end + 1


def _time(walk: Walk, chat: Chat, user: str, one: entry_pb2.Entry) -> None:
    """When it was written is the same for all, but not told of what is hidden."""
    entry = chat.log[one.seq - 1]
    if not views.hidden(chat, user, entry):
        entry.at_ms = entry.at_ms or one.sent_at_ms
        walk.same(f"time of {one.seq} of {chat.id}", entry.at_ms, one.sent_at_ms)


def history(
    walk: Walk, chat: Chat, user: str, answer: message_service_pb2.ListEntriesResponse, begin: int, end: int
) -> None:
    """A page of history as it is shown: texts as they are now, and reactions."""
    where = f"{begin} to {end} of {chat.id} for {walk.name(user)}"
    walk.same(f"seqs {where}", list(range(begin, end + 1)), [one.seq for one in answer.entries])
    for one in present(answer.entries, answer.amendments, answer.reactions):
        entry = chat.log[one.seq - 1]
        walk.same(f"{one.seq} of {where}", expected(chat, user, entry), told(one.entry))
        if entry.kind == "post" and not entry.gone and not views.hidden(chat, user, entry):
            model = views.body(chat, user, entry)
            walk.same(f"present body of {one.seq} of {where}", model, one.body.SerializeToString(deterministic=True))
            users = views.reactions(chat, user, entry)
            walk.same(
                f"reactions to {one.seq} of {where}",
                {name: (len(some), user in some) for name, some in users.items()},
                {count.name: (count.count, count.mine) for count in one.reactions},
            )


async def pins(walk: Walk, chat: Chat, user: str, device: Device) -> None:
    """The pinned posts, with their present bodies."""
    model = [(seq, views.body(chat, user, chat.log[seq - 1])) for seq in views.pins(chat, user)]
    server = await device.client.conversations.pins(chat.id)
    bodies = [(one.seq, one.body.SerializeToString(deterministic=True)) for one in server]
    walk.same(f"pins of {chat.id} for {walk.name(user)}", model, bodies)


async def search(walk: Walk, user: str, device: Device, word: str) -> None:
    """What a word finds, in all conversations of the user."""
    server: dict[str, list[int]] = defaultdict(list)
    for one in await device.client.messages.search(word, limit=1_000):
        server[one.conversation_id].append(one.seq)
        walk.holds(
            f"{word} is in {one.seq} of {one.conversation_id}",
            word in one.text or one.body.WhichOneof("kind") in {"image", "file", "video"},
        )
    inside = {chat.id: chat for chat in walk.model.of(user)}
    walk.same(f"{walk.name(user)} finds {word} where they are", set(), set(server) - set(inside))
    for chat in inside.values():
        model, unsaid = views.found(chat, user, word)
        walk.same(
            f"{walk.name(user)} looks for {word} in {chat.id}",
            [seq for seq in model if seq not in unsaid],
            [seq for seq in server[chat.id] if seq not in unsaid],
        )


async def reactions(walk: Walk, chat: Chat, user: str, device: Device) -> None:
    """Who reacted to the newest posts, and the edits that they have."""
    for post in views.posts(chat, user)[-3:]:
        where = f"{post.seq} of {chat.id} for {walk.name(user)}"
        model = {(one, name) for name, some in views.reactions(chat, user, post).items() for one in some}
        items = await device.client.messages.reactions(chat.id, post.seq)
        walk.same(f"who reacted to {where}", model, {(one.user_id, one.name) for one in items})
        last = views.bounds(chat, user)[1]
        edits = [one.seq for one in chat.log[:last] if one.kind == "edit" and one.target == post.seq]
        server = [one.seq for one in await device.client.messages.edits(chat.id, post.seq)]
        walk.same(f"edits of {where}", [post.seq, *edits], server)


async def readers(walk: Walk, chat: Chat, user: str, device: Device) -> None:
    """Who has read the newest own post."""
    own = [post for post in views.posts(chat, user) if post.sender == user]
    if not own or (chat.group is None and walk.model.apart(chat.users)):
        return
    model, words = views.readers(walk.model, chat, own[-1]), f"readers of {own[-1].seq} in {chat.id}"
    call = device.client.messages.readers(chat.id, own[-1].seq)
    answer = await walk.ask(call, "" if model is not None else "NOT_ALLOWED", words)
    if answer is not None:
        walk.same(words, model, (answer.read_count, answer.unread_count))


async def of_sender(walk: Walk, chat: Chat, user: str, sender: str, device: Device) -> None:
    """What one user has posted, and everything that is shown, taken away."""
    found = await device.client.messages.posts(chat.id, sender_id=sender, limit=1_000)
    posts = [one.seq for one in reversed(found) if one.entry.content.HasField("post")]
    model = [post.seq for post in views.posts(chat, user) if post.sender == sender]
    walk.same(f"posts of {walk.name(sender)} in {chat.id} for {walk.name(user)}", model, posts)
    kept = [one.seq for one in views.shown(chat, user) if not _of_hidden(chat, user, one)]
    walk.same(f"export of {chat.id} for {walk.name(user)}", kept, await _export(chat, device))


def _of_hidden(chat: Chat, user: str, entry: Entry) -> bool:
    """Whether an entry changes a post that is hidden, which an export leaves out too."""
    changes = entry.kind in {"edit", "recall", "pin"} and not entry.gone
    return changes and entry.target in chat.own(user).hidden


async def _export(chat: Chat, device: Device) -> list[int]:
    """Seqs of what is taken away, once there are not too many at it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return [entry.seq async for entry in device.client.conversations.export(chat.id)]
            except ParleyError as error:
                if error.reason != "OVERLOADED":
                    raise
                await asyncio.sleep(0.02)  # no need to wait as long as a phone is told to


async def lists(walk: Walk, user: str, device: Device) -> None:
    """The two lists of a user, in their order."""
    chats = [chat for chat in walk.model.of(user) if views.listed(chat, user)]
    for archived in (False, True):
        server = await device.client.conversations.list(archived=archived, limit=1_000)
        model = [chat for chat in chats if views.archived(chat, user) is archived]
        order = [chat.id for chat in sorted(model, key=lambda chat: _order(chat, user))]
        where = f"list of {walk.name(user)}, archived: {archived}"
        walk.same(where, order, [one.conversation_id for one in server])
        for one in server:
            summary(walk, walk.model.chats[one.conversation_id], user, one, f"{where}: {one.conversation_id}")
    for chat in walk.model.chats.values():
        if user not in chat.places:
            await walk.ask(device.client.conversations.get(chat.id), "CONVERSATION_NOT_FOUND", f"{user} is not there")


def _order(chat: Chat, user: str) -> tuple[bool, int, str]:
    there = views.shown(chat, user)
    return (not chat.own(user).pinned, -(there[-1].at_ms if there else 0), chat.id)


async def group(walk: Walk, chat: Chat, user: str, device: Device) -> None:
    """What the group service says to a member."""
    kept, client = chat.group, device.client.groups
    assert kept is not None
    there = await client.get(chat.id)
    now = there.settings
    walk.same(
        f"settings of {chat.id}: name, mute all, slow, announcement, owner, count",
        (kept.name, kept.mute_all, kept.slow, kept.announcement, chat.owner(), len(chat.present())),
        (
            now.name,
            now.mute_all,
            now.slow_mode_seconds > 0,
            there.announcement.text,
            there.owner_id,
            there.member_count,
        ),
    )
    model = {
        (one, chat.places[one].role, chat.places[one].muted, kept.nicknames.get(one, "")) for one in chat.present()
    }
    members = await client.members(chat.id)
    server = {(one.user_id, int(one.role), one.muted_until_ms > 0, one.nickname) for one in members}
    walk.same(f"members of {chat.id}", model, server)
    if chat.places[user].role > 1:
        walk.same(f"bans of {chat.id}", kept.banned, {one.user_id for one in await client.bans(chat.id)})
        waiting = {(one.user_id, int(one.state)) for one in await client.join_requests(chat.id)}
        walk.same(f"who wants into {chat.id}", {(one, _state(kept, one)) for one in kept.asked | kept.knocked}, waiting)


def _state(group: Group, user: str) -> int:
    """Where someone's way into a group stands who is not in yet."""
    waits = user in group.knocked
    return member_pb2.JOIN_REQUEST_STATE_PENDING if waits else member_pb2.JOIN_REQUEST_STATE_AWAITING_USER


async def people(walk: Walk, user: str, device: Device) -> None:
    """Friends, requests, blocks, groups and what is scheduled."""
    model, client, who = walk.model, device.client, walk.name(user)
    friends = {one for one in model.users if model.are_friends(user, one)}
    walk.same(f"friends of {who}", friends, {one.user_id for one in await client.friends.list()})
    blocked = {other for one, other in model.blocked if one == user}
    walk.same(f"blocks of {who}", blocked, {one.user_id for one in await client.friends.blocked()})
    waiting = {sender for sender, receiver in model.requests if receiver == user}
    requests = await client.friends.requests()
    walk.same(f"requests to {who}", waiting, {one.sender_id for one in requests})
    groups = {chat.id for chat in model.groups() if user in chat.places and chat.places[user].present}
    walk.same(f"groups of {who}", groups, {one.group_id for one in await client.groups.mine()})
    wanted = {(chat.id, _state(chat.group, user)) for chat in model.groups() if chat.group and _wants(chat.group, user)}
    waits = {(one.group_id, int(one.state)) for one in await client.groups.join_requests()}
    walk.same(f"ways of {who} into groups", wanted, waits)
    numbers = {number for one, number in model.scheduled if one == user}
    later = await client.messages.scheduled()
    walk.same(f"scheduled by {who}", numbers, {one.send.client_message_id for one in later})


def _wants(group: Group, user: str) -> bool:
    """Whether somebody can still decide that this user becomes a member."""
    return user in group.asked | group.knocked and not group.dissolved


async def everything(walk: Walk, user: str, device: Device) -> None:
    """All of it, for one user on one device."""
    for chat in walk.model.of(user):
        await whole(walk, chat, user, device)
        await pins(walk, chat, user, device)
        await reactions(walk, chat, user, device)
        await readers(walk, chat, user, device)
        if chat.group is not None and chat.places[user].present:
            await group(walk, chat, user, device)
    await lists(walk, user, device)
    await people(walk, user, device)
    for word in WORDS:
        await search(walk, user, device, word)
