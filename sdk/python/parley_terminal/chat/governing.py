"""Commands with which a group is led. They are about the open group."""

from __future__ import annotations

from typing import Final

from parley.group.v1 import group_pb2
from parley.user.v1 import user_pb2
from parley_sdk import is_group
from parley_terminal.chat.command import Command, UsageError, opened
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.people import person

_MINUTE_S: Final = 60


def group_of(desk: Desk) -> str:
    """Return the open group. Raises UsageError when none is open."""
    if not is_group(opened(desk)):
        raise UsageError("this is no group: open one with /chat NAME")
    return desk.open_id


async def _announce(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.announce(group_of(desk), " ".join(words))


async def _require(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.announce(group_of(desk), " ".join(words), required_reading=True)


async def _confirm(desk: Desk, _: list[str]) -> None:
    group = await desk.client.groups.get(group_of(desk))
    if not group.announcement.number:
        raise UsageError("there is no announcement; /announce makes one")
    await desk.client.groups.acknowledge(group.group_id, group.announcement.number)
    desk.screen.say(f"confirmed: {group.announcement.text}")


async def _confirmed(desk: Desk, _: list[str]) -> None:
    for confirmed, words in ((True, "confirmed by"), (False, "not yet by")):
        members = await desk.client.groups.members(group_of(desk), confirmed=confirmed)
        await desk.names.learn(member.user_id for member in members)
        names = ", ".join(member.nickname or desk.names.user(member.user_id) for member in members)
        desk.screen.say(f"  {words}: {names or 'nobody'}", "")


async def _ban(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    await desk.client.groups.ban(group_of(desk), user.user_id, reason=" ".join(words[1:]))


async def _unban(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.unban(group_of(desk), (await person(desk, words[0])).user_id)


async def _bans(desk: Desk, _: list[str]) -> None:
    bans = await desk.client.groups.bans(group_of(desk))
    await desk.names.learn(ban.user_id for ban in bans)
    for ban in bans:
        desk.screen.say(f"  {desk.names.user(ban.user_id)}  {ban.reason}", "")
    if not bans:
        desk.screen.say("nobody is banned: /ban NAME")


async def _mute(desk: Desk, words: list[str]) -> None:
    minutes = _number(words[1:], "/silence NAME [MINUTES]", default=10)
    await desk.client.groups.mute(group_of(desk), (await person(desk, words[0])).user_id, minutes * _MINUTE_S)


async def _quiet(desk: Desk, words: list[str]) -> None:
    if words[0] not in {"on", "off"}:
        raise UsageError("type /quiet on, or /quiet off")
    await _set(desk, group_pb2.GroupSettings(mute_all=words[0] == "on"), "mute_all")


async def _slow(desk: Desk, words: list[str]) -> None:
    seconds = _number(words, "/slow SECONDS")
    await _set(desk, group_pb2.GroupSettings(slow_mode_seconds=seconds), "slow_mode_seconds")


async def _receipts(desk: Desk, words: list[str]) -> None:
    if words[0] not in {"on", "off"}:
        raise UsageError("type /receipts on, or /receipts off")
    await _set(desk, group_pb2.GroupSettings(member_receipts=words[0] == "on"), "member_receipts")


async def _admin(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    await desk.client.groups.set_role(group_of(desk), user.user_id, group_pb2.ROLE_ADMIN)
    if user.kind == user_pb2.USER_KIND_BOT:
        desk.screen.say(f"{user.username} is a bot: as an admin it reads all that is written here from now on")


async def _member(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    await desk.client.groups.set_role(group_of(desk), user.user_id, group_pb2.ROLE_MEMBER)


async def _transfer(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.transfer(group_of(desk), (await person(desk, words[0])).user_id)


async def _dissolve(desk: Desk, words: list[str]) -> None:
    group = await desk.client.groups.get(group_of(desk))
    if " ".join(words) != group.settings.name:
        raise UsageError(f'type /dissolve "{group.settings.name}" to end the group for everyone')
    await desk.client.groups.dissolve(group.group_id)


async def _set(desk: Desk, settings: group_pb2.GroupSettings, field: str) -> None:
    await desk.client.groups.update(group_of(desk), settings, [field])


def _number(words: list[str], usage: str, default: int | None = None) -> int:
    if not words and default is not None:
        return default
    if not words or not words[0].isdigit():
        raise UsageError(f"type {usage}")
    return int(words[0])


COMMANDS: Final = (
    Command("announce", "TEXT", "put an announcement in front of all", _announce, 1),
    Command("require", "TEXT", "the same, and everyone has to confirm it", _require, 1),
    Command("confirm", "", "confirm that you have read the announcement", _confirm),
    Command("confirmed", "", "who has confirmed it, and who has not", _confirmed),
    Command("ban", "NAME [why]", "remove somebody and keep them out", _ban, 1),
    Command("unban", "NAME", "let them come back", _unban, 1),
    Command("bans", "", "who is kept out", _bans),
    Command("silence", "NAME [MINUTES]", "let a member not write for a time; 0 minutes lets them again", _mute, 1),
    Command("quiet", "on|off", "let only admins write, or everyone", _quiet, 1),
    Command("slow", "SECONDS", "how often a member may write; 0 as often as they like", _slow, 1),
    Command("receipts", "on|off", "show who has read, or only how many", _receipts, 1),
    Command("admin", "NAME", "make a member an admin", _admin, 1),
    Command("member", "NAME", "make an admin a member again", _member, 1),
    Command("transfer", "NAME", "hand the group to another member", _transfer, 1),
    Command("dissolve", '"TITLE"', "end the group for everyone", _dissolve, 1),
)
