"""What operators can do. Each verb gives lines to print; whatever changes something needs `--reason`."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parley.admin.v1 import live_settings_pb2
from parley.ai.v1 import moderation_service_pb2
from parley.user.v1 import user_pb2
from parley_sdk import Client
from parley_terminal.operate import groups, modes, reports, shown

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. `words` name its arguments; `acts`: it changes something, or shows what is nobody's business."""

    noun: str
    name: str
    words: tuple[str, ...]
    summary: str
    do: Callable[[Client, Namespace], Awaitable[list[str]]]
    acts: bool = True
    options: tuple[str, ...] = ()
    """Names of what may be given besides, each with a text."""


async def _user_id(client: Client, name: str) -> str:
    """The id of a user who is named by id or username. Raises ValueError."""
    found = [one.user for one in await client.administration.find(name)]
    # An id first: anybody may take the id of somebody else for a name.
    exact = [one for one in found if one.user_id == name] or [one for one in found if one.username == name]
    if not exact:
        raise ValueError(f"there is no user with the name or id {name}")
    return exact[0].user_id


def _number(text: str, what: str) -> float:
    """A number that was typed. Raises ValueError, which says what it is for."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{what} is a number, and not {text!r}") from None


async def _find_users(client: Client, asked: Namespace) -> list[str]:
    return [shown.user(one) for one in await client.administration.find(asked.query, limit=asked.limit)]


async def _suspended(client: Client, asked: Namespace) -> list[str]:
    state = user_pb2.USER_STATE_SUSPENDED
    return [shown.user(one) for one in await client.administration.find(state=state, limit=asked.limit)]


async def _show_user(client: Client, asked: Namespace) -> list[str]:
    found = await client.administration.get(await _user_id(client, asked.user))
    counted = f"  {found.counters.friends} friends, {found.counters.blocked} blocked"
    return [shown.user(found.user), *map(shown.session, found.sessions), counted]


async def _suspend(client: Client, asked: Namespace) -> list[str]:
    hours = _number(asked.hours, "hours")
    user_id = await _user_id(client, asked.user)
    ended = await client.administration.suspend(user_id, asked.reason, int(hours * HOUR_MS))
    return [f"suspended; {ended} sessions ended"]


async def _lift(client: Client, asked: Namespace) -> list[str]:
    await client.administration.lift(await _user_id(client, asked.user), asked.reason)
    return ["open again"]


async def _reset(client: Client, asked: Namespace) -> list[str]:
    password = await client.administration.reset_password(await _user_id(client, asked.user), asked.reason)
    return [f"the new password, shown this once: {password}"]


async def _log_out(client: Client, asked: Namespace) -> list[str]:
    ended = await client.administration.end_sessions(await _user_id(client, asked.user), asked.reason)
    return [f"{ended} sessions ended"]


async def _erase(client: Client, asked: Namespace) -> list[str]:
    await client.administration.erase(await _user_id(client, asked.user), asked.reason)
    return ["erased"]


async def _grant(client: Client, asked: Namespace) -> list[str]:
    await client.administration.set_admin(await _user_id(client, asked.user), asked.reason, admin=True)
    return ["is an administrator with the next log-in"]


async def _revoke(client: Client, asked: Namespace) -> list[str]:
    await client.administration.set_admin(await _user_id(client, asked.user), asked.reason, admin=False)
    return ["is no administrator any more"]


async def _audit(client: Client, asked: Namespace) -> list[str]:
    by = await _user_id(client, asked.by) if asked.by else ""
    after_ms = int(time.time() * 1_000 - _number(asked.hours, "hours") * HOUR_MS) if asked.hours else 0
    acts = await client.administration.audit(
        admin_id=by, target=asked.target, action=asked.action, after_ms=after_ms, limit=asked.limit
    )
    return [shown.act(one) for one in acts]


async def _show_report(client: Client, asked: Namespace) -> list[str]:
    report = await client.administration.moderation.report(asked.report)
    return [shown.report(report), *map(shown.entry, report.evidence)]


async def _uphold(client: Client, asked: Namespace) -> list[str]:
    await client.administration.moderation.decide(asked.report, asked.reason, upheld=True, answer=asked.answer)
    return ["the reporter is told that you agree"]


async def _reject(client: Client, asked: Namespace) -> list[str]:
    await client.administration.moderation.decide(asked.report, asked.reason, upheld=False, answer=asked.answer)
    return ["the reporter is told that nothing is wrong"]


async def _read(client: Client, asked: Namespace) -> list[str]:
    moderation = client.administration.moderation
    if asked.from_seq:
        first = int(_number(asked.from_seq.lstrip("#"), "from_seq"))
        page = await moderation.read(asked.conversation, asked.reason, from_seq=first, limit=asked.limit)
        return [shown.entry(one) for one in page.entries]
    page = await moderation.read(asked.conversation, asked.reason, descending=True, limit=asked.limit)
    return [shown.entry(one) for one in reversed(page.entries)]


async def _recall(client: Client, asked: Namespace) -> list[str]:
    moderation = client.administration.moderation
    recalled = await moderation.recall(asked.conversation, int(_number(asked.seq.lstrip("#"), "seq")), asked.reason)
    return [f"taken back by #{recalled}" if recalled else "it was taken back before"]


async def _statistics(client: Client, _: Namespace) -> list[str]:
    return [shown.day(one) for one in await client.administration.moderation.statistics()]


async def _find_groups(client: Client, asked: Namespace) -> list[str]:
    return [shown.group(one) for one in await client.administration.moderation.find_groups(asked.query)]


async def _dissolve(client: Client, asked: Namespace) -> list[str]:
    await client.administration.moderation.dissolve_group(asked.group, asked.reason)
    return ["dissolved"]


async def _transfer(client: Client, asked: Namespace) -> list[str]:
    owner = await _user_id(client, asked.user)
    await client.administration.moderation.transfer_group(asked.group, owner, asked.reason)
    return ["handed on"]


async def _broadcast(client: Client, asked: Namespace) -> list[str]:
    return [shown.broadcast(await client.administration.moderation.broadcast(asked.text, asked.reason))]


async def _broadcasts(client: Client, _: Namespace) -> list[str]:
    return [shown.broadcast(one) for one in await client.administration.moderation.broadcasts()]


async def _cancel(client: Client, asked: Namespace) -> list[str]:
    return [shown.broadcast(await client.administration.moderation.cancel_broadcast(asked.broadcast, asked.reason))]


async def _settings(client: Client, _: Namespace) -> list[str]:
    found = await client.administration.settings()
    rate = f"{found.send_rate.burst} at once, {found.send_rate.per_second:g} a second"
    verdict = moderation_service_pb2.Verdict.Name
    return [
        f"version\t{found.version}",
        f"registration\t{'closed' if found.registration_closed else 'open'}",
        f"send rate\t{rate if found.HasField('send_rate') else 'as the nodes were started'}",
        *(
            f"words\t{one.name}\t{verdict(one.action).removeprefix('VERDICT_').lower()}\t{len(one.words)}"
            for one in found.word_classes
        ),
        *modes.lines(found),
    ]


async def _registration(client: Client, asked: Namespace) -> list[str]:
    if asked.state not in {"open", "closed"}:
        raise ValueError("registration is `open` or `closed`")
    wanted = live_settings_pb2.LiveSettings(registration_closed=asked.state == "closed")
    await client.administration.change_settings(wanted, ["registration_closed"], asked.reason)
    return [f"registration is {asked.state}"]


async def _rate(client: Client, asked: Namespace) -> list[str]:
    wanted = live_settings_pb2.LiveSettings()
    if asked.burst != "default":
        burst, per_second = _number(asked.burst, "burst"), _number(asked.per_second or asked.burst, "per_second")
        rate = live_settings_pb2.SendRate(burst=int(burst), per_second=per_second)
        wanted.send_rate.CopyFrom(rate)
    await client.administration.change_settings(wanted, ["send_rate"], asked.reason)
    return ["all nodes take it within 5 seconds"]


async def _words(client: Client, asked: Namespace) -> list[str]:
    classes = read_words(await asyncio.to_thread(Path(asked.file).read_text, encoding="utf-8"))
    wanted = live_settings_pb2.LiveSettings(word_classes=classes)
    await client.administration.change_settings(wanted, ["word_classes"], asked.reason)
    return [f"{sum(len(one.words) for one in classes)} words; all nodes take them within 5 seconds"]


def read_words(text: str) -> list[live_settings_pb2.WordClass]:
    """The classes of a word file: `[name action]` begins one, then a word a line; `#` begins a remark. ValueError."""
    classes: list[live_settings_pb2.WordClass] = []
    for number, raw in enumerate(text.splitlines(), 1):
        found = raw.strip()
        if not found or found.startswith("#"):
            continue
        if found.startswith("["):
            classes.append(_class_of(found, number))
        elif classes:
            classes[-1].words.append(found)
        else:
            raise ValueError(f"line {number}: a word before the first [name action]")
    return classes


def _class_of(header: str, number: int) -> live_settings_pb2.WordClass:
    name, _, action = header.strip("[]").partition(" ")
    try:
        verdict = moderation_service_pb2.Verdict.Value(f"VERDICT_{action.strip().upper()}")
    except ValueError:
        raise ValueError(f"line {number}: [name action], the action allow, mask, review or block") from None
    return live_settings_pb2.WordClass(name=name, action=verdict)


VERBS: Final = (
    Verb("users", "find", ("[query]",), "accounts whose username begins so", _find_users, acts=False),
    Verb("users", "suspended", (), "accounts that are suspended", _suspended, acts=False),
    Verb("users", "show", ("user",), "one account with its sessions", _show_user, acts=False),
    Verb("users", "suspend", ("user", "hours"), "close an account; 0 hours: until it is lifted", _suspend),
    Verb("users", "lift", ("user",), "open an account again", _lift),
    Verb("users", "reset-password", ("user",), "give an account a new password", _reset),
    Verb("users", "log-out", ("user",), "end all sessions of a user", _log_out),
    Verb("users", "erase", ("user",), "delete an account for good", _erase),
    Verb("users", "grant", ("user",), "make an administrator", _grant),
    Verb("users", "revoke", ("user",), "take the role of administrator", _revoke),
    Verb(
        "audit",
        "list",
        ("[target]",),
        "what administrators did",
        _audit,
        acts=False,
        options=("by", "action", "hours"),
    ),
    Verb("reports", "list", (), "reports that wait", reports.listed, acts=False, options=("state", "about")),
    Verb("reports", "show", ("report",), "one report with its evidence", _show_report, acts=False),
    Verb("reports", "uphold", ("report", "[answer]"), "agree with a report", _uphold),
    Verb("reports", "reject", ("report", "[answer]"), "see nothing wrong", _reject),
    Verb("messages", "read", ("conversation", "[from_seq]"), "the end of any conversation, or what comes from", _read),
    Verb("messages", "recall", ("conversation", "seq"), "take anybody's message back", _recall),
    Verb("messages", "statistics", (), "how much was written, day by day", _statistics, acts=False),
    Verb("groups", "find", ("[query]",), "groups whose name holds this", _find_groups, acts=False),
    Verb("groups", "show", ("group",), "one group with its limits and members", groups.show, acts=False),
    Verb(
        "groups",
        "limit",
        ("group", "limit_name", "value"),
        f"set {', '.join(groups.LIMITS)} of one group; `default`: as for all",
        groups.limit,
    ),
    Verb("groups", "dissolve", ("group",), "end a group", _dissolve),
    Verb("groups", "transfer", ("group", "user"), "give a group to a member", _transfer),
    Verb("broadcast", "start", ("text",), "write to everybody", _broadcast),
    Verb("broadcast", "list", (), "the latest broadcasts", _broadcasts, acts=False),
    Verb("broadcast", "cancel", ("broadcast",), "end a broadcast where it is", _cancel),
    Verb("settings", "show", (), "the live settings", _settings, acts=False),
    Verb("settings", "registration", ("state",), "`open` or `closed`", _registration),
    Verb("settings", "rate", ("burst", "[per_second]"), "how fast one user may send; `default`: as started", _rate),
    Verb("settings", "words", ("file",), "replace the word list", _words),
    Verb("settings", "policy", ("mode",), "when the policy of the installation is asked", modes.policy),
    Verb("settings", "judging", ("mode",), "when a model judges what people write", modes.judging),
)
