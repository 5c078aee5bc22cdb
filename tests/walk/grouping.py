"""Steps about groups: who comes and goes, and what they may do."""

import random
from collections.abc import Sequence

from parley.group.v1 import group_pb2, member_pb2
from parley.message.v1 import notice_pb2
from tests.journeys.people import Device
from tests.walk import rules
from tests.walk.model import ADMIN, APPROVAL, EVERYONE, INVITED, MEMBER, OPEN, OWNER, Chat, Group, Place
from tests.walk.walk import ALL, Act, Walk
from tests.walk.wire import joined, left

Change = notice_pb2.MembershipChange
Settings = group_pb2.GroupSettings


def some_of(
    walk: Walk, rng: random.Random, admins: float = 0.75, among: Sequence[Chat] = ()
) -> tuple[str, Device, Chat] | None:
    """Someone, mostly one who may do something, and a group: any, or one of those."""
    groups = list(among) or walk.model.groups()
    if not groups:
        return None
    alive = [chat for chat in groups if chat.present()]
    chat = rng.choice(alive if alive and rng.random() < 0.9 else groups)
    able = [user for user in chat.present() if chat.places[user].role >= ADMIN]
    user = walk.user(rng, able if rng.random() < admins else walk.model.users)
    return user, walk.any_device(user, rng), chat


def other_than(walk: Walk, rng: random.Random, user: str) -> str:
    """Someone else."""
    return walk.user(rng, [one for one in walk.model.users if one != user])


async def settle(walk: Walk, chat: Chat) -> None:
    """Wait until the log has what the group service told it."""
    await walk.log_reaches(chat, chat.owner())


def come(chat: Chat, user: str, seq: int) -> None:
    """Take a new member into the model; who was one before begins again, and stays where they had read."""
    group, before = chat.group, chat.places.pop(user, None)
    assert group is not None
    place = Place(first=1 if group.history_all else seq, joined=seq)
    if before is not None:
        place.read, place.muted = before.read, before.muted
        # What was written before they began again is nobody's to give to a device that was away then.
        place.missed = before.missed | set(range(before.left + 1, seq)) | set(range(1, place.first))
    chat.places[user] = place
    group.settle(user, accepted=True)
    group.nicknames.pop(user, None)


async def create(walk: Walk, owner: str, policy: int, *, history_all: bool) -> Chat:
    """Make a group. Friends are in at once, others are asked."""
    device, other = walk.devices[owner][0], walk.model.users[0 if walk.model.users[0] != owner else 1]
    settings = Settings(
        join_policy=group_pb2.JoinPolicy.ValueType(policy),
        history_visibility=group_pb2.HISTORY_VISIBILITY_ALL if history_all else group_pb2.HISTORY_VISIBILITY_JOINED,
    )
    name = f"Group {next(walk.numbers)}"
    made = await device.client.groups.create(name, [other], settings)
    chat = Chat(made.group.group_id, group=Group(name, policy, history_all))
    walk.model.chats[chat.id] = chat
    chat.places[owner] = Place(role=OWNER)
    added = [(owner, OWNER)]
    if consent(walk, owner, other) == "add":
        chat.places[other] = Place()
        added.append((other, MEMBER))
    elif consent(walk, owner, other) == "ask" and chat.group is not None:
        chat.group.ask(other, owner)
    chat.append("membership", owner, told=joined(Change.CAUSE_CREATED, *added))
    await settle(walk, chat)
    return chat


def found(walk: Walk, rng: random.Random) -> Act | None:
    """Make a group, of which there are few."""
    if len([chat for chat in walk.model.groups() if chat.present()]) >= 4:
        return None
    owner = walk.user(rng)
    policy, history_all = rng.choice([OPEN, APPROVAL, INVITED]), rng.random() < 0.5

    async def run() -> None:
        await create(walk, owner, policy, history_all=history_all)

    return Act(frozenset((ALL,)), f"{walk.name(owner)} makes a group", run)


def consent(walk: Walk, actor: str, other: str) -> str:
    """Whether a user lets the other one add them: add, ask or refuse."""
    model = walk.model
    if model.apart((actor, other)):
        return "refuse"
    audience = model.add_me.get(other, 2)
    yes = audience == EVERYONE or (audience == 2 and model.are_friends(actor, other))
    return "add" if yes else "ask"


def invite(walk: Walk, rng: random.Random) -> Act | None:
    """Bring someone in, or ask them."""
    some = some_of(walk, rng)
    if some is None:
        return None
    user, device, chat = some
    other, group = other_than(walk, rng, user), some[2].group
    assert group is not None
    words = f"{walk.name(user)} invites {walk.name(other)} to {chat.id}"

    async def run() -> None:
        answer = await walk.ask(device.client.groups.invite(chat.id, [other]), rules.member(chat, user), words)
        if answer is None:
            return
        place = chat.places.get(other)
        inside, banned = place is not None and place.present, other in group.banned
        way = "skip" if inside or banned else consent(walk, user, other)
        approval = rules.approves(chat, user)
        if approval and (way == "add" or (way == "ask" and other in group.knocked)):
            way = "knock"
        server = "add" if answer.added_user_ids else "skip" if answer.skipped else _pending(answer.pending[0])
        asked = way == "knock" and other in group.asked
        walk.same(words, "ask" if asked else "skip" if way == "refuse" else way, server)
        if way == "add":
            come(chat, other, chat.head + 1)
            chat.append("membership", user, told=joined(Change.CAUSE_INVITED, (other, MEMBER)))
            await settle(walk, chat)
        elif way == "ask" and not (approval and other in group.asked):
            group.ask(other, user)
        elif way == "knock" and not asked:
            group.knock(other)

    return Act(frozenset((chat.id,)), words, run)


def _pending(request: member_pb2.JoinRequest) -> str:
    return "knock" if request.state == member_pb2.JOIN_REQUEST_STATE_PENDING else "ask"


def join(walk: Walk, rng: random.Random) -> Act | None:
    """Come in by oneself: by id or by a link."""
    groups = walk.model.groups()
    if not groups:
        return None
    chat = rng.choice(groups)
    outside = [one for one in walk.model.users if one not in chat.present()]
    user = walk.user(rng, outside)
    device, group = walk.any_device(user, rng), chat.group
    assert group is not None
    link, approval, maker = rng.choice(group.links) if group.links and rng.random() < 0.5 else ("", False, "")
    words = f"{walk.name(user)} joins {chat.id}{' by link' if link else ''}"

    async def run() -> None:
        call = device.client.groups.join(token=link) if link else device.client.groups.join(chat.id)
        answer = await walk.ask(call, rules.join(chat, user, maker), words)
        if answer is None or user in chat.present():
            return
        approval_by_now = approval or not rules.lets_in(chat, maker) if link else group.policy == APPROVAL
        waits = rules.waits(chat, user, approval=approval_by_now)
        walk.same(words, "pending" if waits else "joined", answer.WhichOneof("outcome"))
        if waits:
            group.knock(user)
        else:
            come(chat, user, chat.head + 1)
            chat.append("membership", user, told=joined(Change.CAUSE_JOINED, (user, MEMBER)))
            await settle(walk, chat)

    return Act(frozenset((chat.id,)), words, run)


def make_link(walk: Walk, rng: random.Random) -> Act | None:
    """Make a link into a group."""
    some = some_of(walk, rng)
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    links, wanted = some[2].group.links, rng.random() < 0.3
    words = f"{walk.name(user)} makes a link to {chat.id}"

    async def run() -> None:
        call = device.client.groups.create_link(chat.id, needs_approval=wanted)
        made = await walk.ask(call, rules.member(chat, user), words)
        if made is not None:
            links.append((made.token, wanted or rules.approves(chat, user), user))

    return Act(frozenset((chat.id,)), words, run)


def leave(walk: Walk, rng: random.Random) -> Act | None:
    """Go."""
    some = some_of(walk, rng, admins=0.1)
    if some is None:
        return None
    user, device, chat = some
    words = f"{walk.name(user)} leaves {chat.id}"

    async def run() -> None:
        refusal = rules.leave(chat, user)
        await walk.ask(device.client.groups.leave(chat.id), refusal, words)
        if not refusal:
            await _gone(walk, chat, user, user, Change.CAUSE_LEFT)

    return Act(frozenset((chat.id,)), words, run)


async def _gone(walk: Walk, chat: Chat, actor: str, user: str, cause: Change.Cause.ValueType) -> None:
    entry = chat.append("membership", actor, told=left(cause, user))
    chat.places[user].left, chat.places[user].removed = entry.seq, cause == Change.CAUSE_KICKED
    await settle(walk, chat)


def kick(walk: Walk, rng: random.Random) -> Act | None:
    """Put someone out, or keep them out."""
    some = some_of(walk, rng)
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    other, group, banning = other_than(walk, rng, user), some[2].group, rng.random() < 0.4
    words = f"{walk.name(user)} {'bans' if banning else 'kicks'} {walk.name(other)} of {chat.id}"

    async def run() -> None:
        inside = other in chat.present()
        if banning:
            refusal = rules.ban(chat, user, other)
            await walk.ask(device.client.groups.ban(chat.id, other), refusal, words)
        else:
            refusal = rules.over(chat, user, other)
            refusal = "" if refusal == "MEMBER_NOT_FOUND" else refusal
            await walk.ask(device.client.groups.kick(chat.id, [other]), refusal, words)
        if refusal:
            return
        if banning:
            group.banned.add(other)
            group.settle(other, accepted=False)
        if inside:
            await _gone(walk, chat, user, other, Change.CAUSE_KICKED)

    return Act(frozenset((chat.id,)), words, run)


def unban(walk: Walk, rng: random.Random) -> Act | None:
    """Let someone in again."""
    some = some_of(walk, rng)
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    group = some[2].group
    other = walk.user(rng, sorted(group.banned, key=walk.model.users.index) or [other_than(walk, rng, user)])
    words = f"{walk.name(user)} lets {walk.name(other)} into {chat.id} again"

    async def run() -> None:
        refusal = rules.ranked(chat, user, ADMIN)
        await walk.ask(device.client.groups.unban(chat.id, other), refusal, words)
        if not refusal:
            group.banned.discard(other)

    return Act(frozenset((chat.id,)), words, run)
