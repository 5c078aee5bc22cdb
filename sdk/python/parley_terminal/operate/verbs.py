"""What operators can do. Each verb gives lines to print; whatever changes something needs `--reason`."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from parley_sdk import Client
from parley_terminal.operate import groups, live, modes, reports, shown, users
from parley_terminal.operate.named import HOUR_MS, id_of, number_of

LATEST_BROADCASTS: Final = 50
"""As many are told at most, by the contract."""


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


async def _audit(client: Client, asked: Namespace) -> list[str]:
    by = await id_of(client, asked.by) if asked.by else ""
    after_ms = int(time.time() * 1_000 - number_of(asked.hours, "hours") * HOUR_MS) if asked.hours else 0
    acts = await client.administration.audit(
        admin_id=by, target=asked.target, action=asked.action, after_ms=after_ms, limit=asked.limit
    )
    return shown.listed(acts, shown.act, asked)


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
        first = int(number_of(asked.from_seq.lstrip("#"), "from_seq"))
        page = await moderation.read(asked.conversation, asked.reason, from_seq=first, limit=asked.limit)
        if page.more:
            asked.more = f"it goes on: messages read {asked.conversation} #{page.entries[-1].seq + 1}"
        return [shown.entry(one) for one in page.entries]
    page = await moderation.read(asked.conversation, asked.reason, descending=True, limit=asked.limit)
    if page.more:
        earlier = max(1, page.entries[-1].seq - len(page.entries))
        asked.more = f"earlier: messages read {asked.conversation} #{earlier}"
    return [shown.entry(one) for one in reversed(page.entries)]


async def _recall(client: Client, asked: Namespace) -> list[str]:
    moderation = client.administration.moderation
    recalled = await moderation.recall(asked.conversation, int(number_of(asked.seq.lstrip("#"), "seq")), asked.reason)
    return [f"taken back by #{recalled}" if recalled else "it was taken back before"]


async def _statistics(client: Client, _: Namespace) -> list[str]:
    return [shown.day(one) for one in await client.administration.moderation.statistics()]


async def _find_groups(client: Client, asked: Namespace) -> list[str]:
    found = await client.administration.moderation.find_groups(asked.query, limit=asked.limit)
    return shown.listed(found, shown.group, asked)


async def _dissolve(client: Client, asked: Namespace) -> list[str]:
    await client.administration.moderation.dissolve_group(asked.group, asked.reason)
    return ["dissolved"]


async def _transfer(client: Client, asked: Namespace) -> list[str]:
    owner = await id_of(client, asked.user)
    await client.administration.moderation.transfer_group(asked.group, owner, asked.reason)
    return ["handed on"]


async def _broadcast(client: Client, asked: Namespace) -> list[str]:
    return [shown.broadcast(await client.administration.moderation.broadcast(asked.text, asked.reason))]


async def _broadcasts(client: Client, asked: Namespace) -> list[str]:
    found = await client.administration.moderation.broadcasts()
    if len(found) == LATEST_BROADCASTS:
        asked.more = f"only the latest {LATEST_BROADCASTS} are listed; audit list has all that were started"
    return [shown.broadcast(one) for one in found]


async def _cancel(client: Client, asked: Namespace) -> list[str]:
    return [shown.broadcast(await client.administration.moderation.cancel_broadcast(asked.broadcast, asked.reason))]


VERBS: Final = (
    Verb("users", "find", ("[query]",), "accounts whose username begins so", users.find, acts=False),
    Verb("users", "suspended", (), "accounts that are suspended", users.suspended, acts=False),
    Verb("users", "show", ("user",), "one account with its sessions", users.show, acts=False),
    Verb("users", "suspend", ("user", "hours"), "close an account; 0 hours: until it is lifted", users.suspend),
    Verb("users", "lift", ("user",), "open an account again", users.lift),
    Verb("users", "reset-password", ("user",), "give an account a new password", users.reset),
    Verb("users", "log-out", ("user",), "end all sessions of a user", users.log_out),
    Verb("users", "erase", ("user",), "delete an account for good", users.erase),
    Verb("users", "grant", ("user",), "make an administrator", users.grant),
    Verb("users", "revoke", ("user",), "take the role of administrator", users.revoke),
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
    Verb("groups", "suspend", ("group",), "let a group only be read, until it is restored", groups.suspend),
    Verb("groups", "restore", ("group",), "open a suspended group again", groups.restore),
    Verb("groups", "dissolve", ("group",), "end a group", _dissolve),
    Verb("groups", "transfer", ("group", "user"), "give a group to a member", _transfer),
    Verb("broadcast", "start", ("text",), "write to everybody", _broadcast),
    Verb("broadcast", "list", (), "the latest broadcasts", _broadcasts, acts=False),
    Verb("broadcast", "cancel", ("broadcast",), "end a broadcast where it is", _cancel),
    Verb("settings", "show", (), "the live settings", live.show, acts=False),
    Verb("settings", "registration", ("state",), "`open` or `closed`", live.registration),
    Verb("settings", "rate", ("burst", "[per_second]"), "how fast one user may send; `default`: as started", live.rate),
    Verb("settings", "words", ("file",), "replace the word list", live.words),
    Verb("settings", "policy", ("mode",), "when the policy of the installation is asked", modes.policy),
    Verb("settings", "judging", ("mode",), "when a model judges what people write", modes.judging),
)
