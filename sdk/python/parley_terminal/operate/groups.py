"""What operators see of one group, and set for it alone."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from parley.group.v1 import group_pb2, member_pb2
from parley_sdk import Client
from parley_terminal.operate import shown

LIMITS: Final = {
    "members": "member_limit",
    "slow-min": "slow_mode_min_seconds",
    "slow-max": "slow_mode_max_seconds",
    "links": "link_limit",
}


async def show(client: Client, asked: Namespace) -> list[str]:
    """One group with its limits and its first members."""
    found = await client.administration.moderation.get_group(asked.group)
    if found.group.member_count > len(found.members):
        asked.more = f"these are the first {len(found.members)} of {found.group.member_count} members"
    return [shown.group(found.group), *_limits(found.group), *map(_member, found.members)]


async def limit(client: Client, asked: Namespace) -> list[str]:
    """Set one limit of a group."""
    if asked.limit_name not in LIMITS:
        raise ValueError(f"the limit is one of {', '.join(LIMITS)}")
    if asked.value != "default" and not asked.value.isdecimal():
        raise ValueError("the value is a number, or `default`")
    field, value = LIMITS[asked.limit_name], 0 if asked.value == "default" else int(asked.value)
    limits = group_pb2.GroupLimits(**{field: value})
    moderation = client.administration.moderation
    return _limits(await moderation.limit_group(asked.group, limits, [field], asked.reason))


async def suspend(client: Client, asked: Namespace) -> list[str]:
    """Close a group for a time."""
    return [shown.group(await client.administration.moderation.suspend_group(asked.group, asked.reason))]


async def restore(client: Client, asked: Namespace) -> list[str]:
    """Open a group again."""
    return [shown.group(await client.administration.moderation.restore_group(asked.group, asked.reason))]


def _limits(group: group_pb2.Group) -> list[str]:
    """The limits in force, and which of them are this group's own."""
    values = {name: getattr(group.limits, field) for name, field in LIMITS.items()}
    most = shown.line("  ", "members", str(group.member_limit), "own" if values.pop("members") else "default")
    return [most, *(shown.line("  ", name, str(value) if value else "default") for name, value in values.items())]


def _member(one: member_pb2.Member) -> str:
    role = group_pb2.Role.Name(one.role).removeprefix("ROLE_").lower()
    return shown.line("  ", one.user_id, role, one.nickname or one.display_name)
