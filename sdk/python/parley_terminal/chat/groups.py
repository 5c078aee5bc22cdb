"""Commands about groups. Except for the first, they are about the open one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from parley.group.v1 import group_pb2, member_pb2
from parley_terminal.chat import governing, ways_in
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.governing import group_of
from parley_terminal.chat.people import person

_ROLES: Final = {group_pb2.ROLE_OWNER: "owner", group_pb2.ROLE_ADMIN: "admin"}


async def _create(desk: Desk, words: list[str]) -> None:
    members = [(await person(desk, name)).user_id for name in words[1:]]
    made = await desk.client.groups.create(words[0], members)
    desk.names.know_group(made.group)
    desk.open_id = made.group.group_id
    for user_id in made.asked_user_ids:
        desk.screen.say(f"{desk.names.user(user_id)} was asked: only friends may add them")
    _tell_skipped(desk, made.skipped)


async def _invite(desk: Desk, words: list[str]) -> None:
    group_id = group_of(desk)
    answer = await desk.client.groups.invite(group_id, [(await person(desk, name)).user_id for name in words])
    for request in answer.pending:
        desk.screen.say(f"{desk.names.user(request.user_id)} was asked")
    _tell_skipped(desk, answer.skipped)


async def _join(desk: Desk, words: list[str]) -> None:
    wanted = " ".join(words).casefold()
    for request in await desk.client.groups.join_requests():
        group = await desk.client.groups.get(request.group_id)
        if wanted in {group.settings.name.casefold(), group.group_id}:
            desk.names.know_group(group)
            await desk.client.groups.join(group.group_id)
            desk.open_id = group.group_id
            return
    raise UsageError(f"nobody invited you to {words[0]}")


async def _members(desk: Desk, _: list[str]) -> None:
    members = await desk.client.groups.members(group_of(desk))
    await desk.names.learn(member.user_id for member in members)
    for member in members:
        role = _ROLES.get(member.role, "")
        name = desk.names.username(member.user_id)
        desk.screen.say(f"  {member.nickname or desk.names.user(member.user_id)} ({name})  {role}", "")


async def _kick(desk: Desk, words: list[str]) -> None:
    answer = await desk.client.groups.kick(group_of(desk), [(await person(desk, name)).user_id for name in words])
    _tell_skipped(desk, answer.skipped)


async def _leave(desk: Desk, _: list[str]) -> None:
    await desk.client.groups.leave(group_of(desk))
    desk.open_id = ""


async def _rename(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.rename(group_of(desk), " ".join(words))


def _tell_skipped(desk: Desk, skipped: Iterable[member_pb2.SkippedMember]) -> None:
    for one in skipped:
        cause = member_pb2.SkippedMember.Cause.Name(one.cause).removeprefix("CAUSE_").replace("_", " ").lower()
        desk.screen.error(f"{desk.names.user(one.user_id)}: {cause}")


COMMANDS: Final = (
    Command("group", '"TITLE" NAME…', "make a group and open it", _create, 2),
    Command("invite", "NAME…", "bring somebody in", _invite, 1),
    Command("join", '"TITLE"', "accept an invitation to a group", _join, 1),
    Command("members", "", "who is in the group", _members),
    Command("kick", "NAME…", "remove members", _kick, 1),
    Command("leave", "", "leave the group", _leave),
    Command("rename", "TITLE", "give the group another name", _rename, 1),
    *governing.COMMANDS,
    *ways_in.COMMANDS,
)
