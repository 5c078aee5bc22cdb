"""What operators are shown: one line for each thing, fields parted by tabs, so that other programs can read it too."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from parley.admin.v1 import admin_user_pb2, audit_pb2, message_admin_service_pb2
from parley.group.v1 import group_pb2
from parley.message.v1 import entry_pb2
from parley.report.v1 import report_pb2
from parley.user.v1 import session_pb2, user_pb2
from parley_sdk import more_behind, text_of

Item = TypeVar("Item")


def listed(found: Sequence[Item], show: Callable[[Item], str], asked: Namespace) -> list[str]:
    """A line for each of a list; that it goes on is said beside them."""
    if more_behind(found):
        asked.more = f"there is more: --limit {2 * asked.limit} lists twice as many"
    return [show(one) for one in found]


def time(at_ms: int) -> str:
    """A time; a dash for none."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at_ms else "-"


def user(one: admin_user_pb2.AdminUser) -> str:
    """An account."""
    state = user_pb2.UserState.Name(one.user.state).removeprefix("USER_STATE_").lower()
    until = f"until {time(one.suspended_until_ms)}: {one.suspension_reason}" if state == "suspended" else ""
    role = "admin" if one.admin else ""
    return line(one.user.user_id, one.user.username or "-", one.user.profile.display_name, state, role, until)


def session(one: session_pb2.Session) -> str:
    """A session."""
    return line("  ", one.session_id, one.device.name, time(one.last_seen_at_ms), one.last_address)


def act(one: audit_pb2.AuditEntry) -> str:
    """An act of the audit log."""
    who = one.admin_id or "console"
    besides = " ".join(f"{name}={value}" for name, value in sorted(one.details.items()) if value != one.target)
    return line(time(one.at_ms), who, one.address, one.action, one.target, one.failure or one.reason, besides)


def report(one: report_pb2.Report) -> str:
    """A report."""
    state = report_pb2.ReportState.Name(one.state).removeprefix("REPORT_STATE_").lower()
    subject = f"{one.subject_id} #{one.seq}" if one.seq else one.subject_id
    return line(one.report_id, time(one.created_at_ms), state, subject, one.reporter_id or "nobody", one.explanation)


def entry(one: entry_pb2.Entry) -> str:
    """An entry of a conversation."""
    kind = one.content.WhichOneof("kind") or ""
    return line(f"#{one.seq}", time(one.sent_at_ms), one.sender_id or "system", kind, text_of(one))


def group(one: group_pb2.Group) -> str:
    """A group."""
    state = group_pb2.GroupState.Name(one.state).removeprefix("GROUP_STATE_").lower()
    return line(one.group_id, one.settings.name, state, f"{one.member_count} members", one.owner_id)


def broadcast(one: message_admin_service_pb2.Broadcast) -> str:
    """A broadcast."""
    state = message_admin_service_pb2.BroadcastState.Name(one.state).removeprefix("BROADCAST_STATE_").lower()
    return line(one.broadcast_id, time(one.created_at_ms), state, f"{one.written} users", one.text)


def day(one: message_admin_service_pb2.DayStatistics) -> str:
    """A day of the statistics."""
    counts = (f"{one.posts} posts", f"{one.entries} entries", f"{one.active_users} users")
    return line(one.day, *counts, f"{one.new_conversations} new conversations")


def line(*fields: str) -> str:
    """Fields in one line: what is in them breaks none."""
    return "\t".join(" ".join(field.split()) for field in fields).rstrip()
