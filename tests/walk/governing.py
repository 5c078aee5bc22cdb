"""Steps about groups: what admins say."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from parley.group.v1 import group_pb2
from tests.walk import rules
from tests.walk.grouping import other_than, settle, some_of
from tests.walk.model import ADMIN, INVITED, MEMBER, OWNER, Chat, Group
from tests.walk.walk import Act, Walk
from tests.walk.wire import updated

Settings = group_pb2.GroupSettings
HOUR_S: Final = 3_600


def mute(walk: Walk, rng: random.Random) -> Act | None:
    """Stop someone from writing, or let them write again."""
    some = some_of(walk, rng)
    if some is None:
        return None
    user, device, chat = some
    inside = [one for one in chat.present() if one != user and chat.places[one].role == MEMBER]
    other = walk.user(rng, inside) if inside and rng.random() < 0.8 else other_than(walk, rng, user)
    seconds = rng.choice([0, HOUR_S, HOUR_S])
    words = f"{walk.name(user)} mutes {walk.name(other)} in {chat.id} for {seconds}"

    async def run() -> None:
        refusal = rules.over(chat, user, other)
        await walk.ask(device.client.groups.mute(chat.id, other, seconds), refusal, words)
        if not refusal and (seconds or chat.places[other].muted):
            chat.places[other].muted = bool(seconds)
            await _updated(walk, chat, user, other)

    return Act(frozenset((chat.id,)), words, run)


async def _updated(walk: Walk, chat: Chat, actor: str, *users: str) -> None:
    assert chat.group is not None
    names = chat.group.nicknames
    now = [(one, chat.places[one].role, chat.places[one].muted, names.get(one, "")) for one in users]
    chat.append("membership", actor, told=updated(*now))
    await settle(walk, chat)


def appoint(walk: Walk, rng: random.Random) -> Act | None:
    """Make an admin of a member, or the other way round; or hand the group on."""
    some = some_of(walk, rng, admins=0.9)
    if some is None:
        return None
    user, device, chat = some
    other, role = other_than(walk, rng, user), rng.choice([MEMBER, ADMIN, ADMIN, OWNER])
    words = f"{walk.name(user)} makes {walk.name(other)} {role} in {chat.id}"

    async def run() -> None:
        refusal = rules.ranked(chat, user, OWNER)
        inside = other in chat.present()
        if other == chat.owner():
            return  # said by other tests: the answer depends on who asks
        refusal = refusal or ("" if inside else "MEMBER_NOT_FOUND")
        groups = device.client.groups
        call: Awaitable[object] = (
            groups.transfer(chat.id, other) if role == OWNER else groups.set_role(chat.id, other, _ROLES[role])
        )
        await walk.ask(call, refusal, words)
        if refusal or chat.places[other].role == role:
            return
        if role == OWNER:
            chat.places[user].role, chat.places[other].role = ADMIN, OWNER
            await _updated(walk, chat, user, user, other)
        else:
            chat.places[other].role = role
            await _updated(walk, chat, user, other)

    return Act(frozenset((chat.id,)), words, run)


_ROLES: Final = {MEMBER: group_pb2.ROLE_MEMBER, ADMIN: group_pb2.ROLE_ADMIN}


def nickname(walk: Walk, rng: random.Random) -> Act | None:
    """Choose one's name in a group."""
    some = some_of(walk, rng, admins=0.3)
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    names, name = some[2].group.nicknames, f"Nick {next(walk.numbers)}"
    words = f"{walk.name(user)} is called {name} in {chat.id}"

    async def run() -> None:
        # Who is no member is told that first: a remark, which comes by the same way, may be changed at any time.
        refusal = rules.member(chat, user, going=True) or rules.closed(chat, user)
        await walk.ask(device.client.groups.set_nickname(chat.id, name), refusal, words)
        if not refusal:
            names[user] = name
            await _updated(walk, chat, user, user)

    return Act(frozenset((chat.id,)), words, run)


def edit(walk: Walk, rng: random.Random) -> Act | None:
    """Change a setting of the group, its name or its announcement."""
    some = some_of(walk, rng)
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    what = rng.choice(list(_CHANGES))
    change = partial(_CHANGES[what], walk, some[2].group)
    words = f"{walk.name(user)} changes {what} of {chat.id}"

    async def run() -> None:
        refusal = rules.ranked(chat, user, ADMIN)
        settings, fields, told, take = change()
        groups = device.client.groups
        call: Awaitable[object] = (
            groups.announce(chat.id, str(told["announcement"]))
            if what == "announcement"
            else groups.update(chat.id, settings, fields)
        )
        await walk.ask(call, refusal, words)
        if not refusal:
            take()
            chat.append("group", user, told=frozenset(told.items()))
            await settle(walk, chat)

    return Act(frozenset((chat.id,)), words, run)


Edit = tuple[Settings, list[str], dict[str, object], Callable[[], None]]


def _flip(field: str, named: str, told: str, values: tuple[object, object], walk: Walk, group: Group) -> Edit:
    """Turn something on that is off, or off that is on."""
    now = not getattr(group, field)
    settings = _settings(named, values[now])
    said: dict[str, object] = {} if not told else {told: values[now] if told == "slow_mode_seconds" else now}
    return settings, [named], said, partial(setattr, group, field, now)


def _settings(field: str, value: object) -> Settings:
    settings = Settings()
    setattr(settings, field, value)
    return settings


def _name(walk: Walk, group: Group) -> Edit:
    name = f"Group {next(walk.numbers)}"
    return Settings(name=name), ["name"], {"name": name}, partial(setattr, group, "name", name)


def _policy(walk: Walk, group: Group) -> Edit:
    del walk
    policy = group.policy % INVITED + 1
    settings = Settings(join_policy=group_pb2.JoinPolicy.ValueType(policy))
    return settings, ["join_policy"], {}, partial(setattr, group, "policy", policy)


def _announcement(walk: Walk, group: Group) -> Edit:
    text = f"Hear {next(walk.numbers)}"
    told: dict[str, object] = {"announcement": text, "announcement_required": False}
    return Settings(), [], told, partial(setattr, group, "announcement", text)


_ROLE: Final = (group_pb2.ROLE_ADMIN, group_pb2.ROLE_MEMBER)
_SIGHT: Final = (group_pb2.HISTORY_VISIBILITY_JOINED, group_pb2.HISTORY_VISIBILITY_ALL)
_CHANGES: Final[dict[str, Callable[[Walk, Group], Edit]]] = {
    "name": _name,
    "announcement": _announcement,
    "policy": _policy,
    "mute_all": partial(_flip, "mute_all", "mute_all", "muted_all", (False, True)),
    "slow": partial(_flip, "slow", "slow_mode_seconds", "slow_mode_seconds", (0, HOUR_S)),
    "pin_open": partial(_flip, "pin_open", "pin_role", "pin_open", _ROLE),
    "mention_open": partial(_flip, "mention_open", "mention_all_role", "mention_all_open", _ROLE),
    "history_all": partial(_flip, "history_all", "history_visibility", "", _SIGHT),
}
