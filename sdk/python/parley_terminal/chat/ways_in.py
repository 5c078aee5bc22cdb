"""Commands about the ways into groups."""

from __future__ import annotations

from typing import Final

from parley.group.v1 import group_pb2, invitation_service_pb2, member_pb2
from parley_sdk import is_group
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.governing import group_of
from parley_terminal.chat.pages import tell_more
from parley_terminal.chat.people import person

_POLICIES: Final = {
    "open": group_pb2.JOIN_POLICY_OPEN,
    "approval": group_pb2.JOIN_POLICY_APPROVAL,
    "invited": group_pb2.JOIN_POLICY_INVITED,
    "closed": group_pb2.JOIN_POLICY_CLOSED,
}
_HOUR_S: Final = 3_600
_MOST_LINKS: Final = 1_000


async def _link(desk: Desk, words: list[str]) -> None:
    if not all(word.isdigit() for word in words):
        raise UsageError("type /link [USES] [HOURS]")
    uses, hours = [int(word) for word in (*words, "0", "0")[:2]]
    made = await desk.client.groups.create_link(group_of(desk), max_uses=uses, ttl_seconds=hours * _HOUR_S)
    desk.screen.say(f"  {made.url}", "")


async def _links(desk: Desk, _: list[str]) -> None:
    for made in await desk.client.groups.links(group_of(desk), limit=_MOST_LINKS):
        most = f" of {made.max_uses}" if made.max_uses else ""
        desk.screen.say(f"  {made.invitation_id}  used {made.use_count}{most}  {made.url}", "")


async def _revoke(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.revoke_link(words[0])


async def _policy(desk: Desk, words: list[str]) -> None:
    if words[0] not in _POLICIES:
        raise UsageError(f"type /policy {'|'.join(_POLICIES)} [QUESTION]")
    settings = group_pb2.GroupSettings(join_policy=_POLICIES[words[0]], join_question=" ".join(words[1:]))
    await desk.client.groups.update(group_of(desk), settings, ["join_policy", "join_question"])


async def _ask(desk: Desk, words: list[str]) -> None:
    """Join, or ask to; a group with a question shows it first."""
    where, answer = words[0], " ".join(words[1:])
    groups = desk.client.groups
    group = await (groups.get(where) if is_group(where) else groups.behind(where))
    desk.names.know_group(group)
    if group.settings.join_question and not answer:
        desk.screen.say(f"{group.settings.name} asks: {group.settings.join_question} — /ask {where} YOUR ANSWER")
        return
    outcome = await (groups.join(where, answer=answer) if is_group(where) else groups.join(token=where, answer=answer))
    _tell(desk, group, outcome)


def _tell(desk: Desk, group: group_pb2.Group, outcome: invitation_service_pb2.JoinGroupResponse) -> None:
    if outcome.HasField("joined"):
        desk.open_id = group.group_id
        return
    desk.screen.say(f"you asked to join {group.settings.name}: an admin decides")


async def _requests(desk: Desk, _: list[str]) -> None:
    requests = await desk.client.groups.join_requests(group_of(desk))
    await desk.names.learn(request.user_id for request in requests)
    for request in requests:
        name = desk.names.username(request.user_id)
        said = f"  {desk.names.user(request.user_id)}: “{request.answer}”"
        desk.screen.say(f"{said} — /approve {name}, /turn-away {name}", "")
    tell_more(desk, requests, "it shows when these are decided")
    if not requests:
        desk.screen.say("nobody waits")


async def _approve(desk: Desk, words: list[str]) -> None:
    await _answer(desk, words, accept=True)


async def _refuse(desk: Desk, words: list[str]) -> None:
    await _answer(desk, words, accept=False)


async def _answer(desk: Desk, words: list[str], *, accept: bool) -> None:
    user = await person(desk, words[0])
    await desk.client.groups.answer_join_request(group_of(desk), user.user_id, accept=accept)


async def _find(desk: Desk, words: list[str]) -> None:
    found: list[member_pb2.Member] = await desk.client.groups.members(group_of(desk), query=" ".join(words))
    await desk.names.learn(member.user_id for member in found)
    for member in found:
        desk.screen.say(f"  {member.nickname or desk.names.user(member.user_id)}", "")


async def _nick(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.set_nickname(group_of(desk), " ".join(words))


async def _remark(desk: Desk, words: list[str]) -> None:
    await desk.client.groups.set_remark(group_of(desk), " ".join(words))


COMMANDS: Final = (
    Command("link", "[USES] [HOURS]", "make a link that lets others in", _link),
    Command("links", "", "the links that work", _links),
    Command("revoke", "ID", "stop a link from working", _revoke, 1),
    Command("policy", "open|approval|invited|closed [QUESTION]", "how one becomes a member", _policy, 1),
    Command("ask", "LINK [ANSWER]", "join a group by its link or id, or ask to", _ask, 1),
    Command("requests", "", "who wants to be let in", _requests),
    Command("approve", "NAME", "let somebody in who asked", _approve, 1),
    Command("turn-away", "NAME", "do not let them in", _refuse, 1),
    Command("find", "TEXT", "members whose name has this in it", _find, 1),
    Command("nick", "[NAME]", "your own name in the group", _nick),
    Command("group-remark", "[TEXT]", "your own name for the group, which nobody else sees", _remark),
)
