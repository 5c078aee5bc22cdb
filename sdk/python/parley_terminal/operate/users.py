"""What operators see of accounts, and do with them."""

from __future__ import annotations

from argparse import Namespace

from parley.user.v1 import user_pb2
from parley_sdk import Client
from parley_terminal.operate import shown
from parley_terminal.operate.named import HOUR_MS, id_of, number_of


async def find(client: Client, asked: Namespace) -> list[str]:
    """Accounts whose username begins so."""
    return shown.listed(await client.administration.find(asked.query, limit=asked.limit), shown.user, asked)


async def suspended(client: Client, asked: Namespace) -> list[str]:
    """Accounts that are suspended."""
    state = user_pb2.USER_STATE_SUSPENDED
    return shown.listed(await client.administration.find(state=state, limit=asked.limit), shown.user, asked)


async def show(client: Client, asked: Namespace) -> list[str]:
    """One account with its sessions."""
    found = await client.administration.get(await id_of(client, asked.user))
    counted = f"  {found.counters.friends} friends, {found.counters.blocked} blocked"
    return [shown.user(found.user), *map(shown.session, found.sessions), counted]


async def suspend(client: Client, asked: Namespace) -> list[str]:
    """Close an account, for so many hours or until it is lifted."""
    hours = number_of(asked.hours, "hours")
    user_id = await id_of(client, asked.user)
    ended = await client.administration.suspend(user_id, asked.reason, int(hours * HOUR_MS))
    return [f"suspended; {ended} sessions ended"]


async def lift(client: Client, asked: Namespace) -> list[str]:
    """Open an account again."""
    await client.administration.lift(await id_of(client, asked.user), asked.reason)
    return ["open again"]


async def reset(client: Client, asked: Namespace) -> list[str]:
    """Give an account a new password."""
    password = await client.administration.reset_password(await id_of(client, asked.user), asked.reason)
    return [f"the new password, shown this once: {password}"]


async def log_out(client: Client, asked: Namespace) -> list[str]:
    """End all sessions of an account."""
    ended = await client.administration.end_sessions(await id_of(client, asked.user), asked.reason)
    return [f"{ended} sessions ended"]


async def erase(client: Client, asked: Namespace) -> list[str]:
    """Erase an account."""
    await client.administration.erase(await id_of(client, asked.user), asked.reason)
    return ["erased"]


async def grant(client: Client, asked: Namespace) -> list[str]:
    """Make a user an administrator."""
    await client.administration.set_admin(await id_of(client, asked.user), asked.reason, admin=True)
    return ["is an administrator with the next log-in"]


async def revoke(client: Client, asked: Namespace) -> list[str]:
    """Make an administrator a user."""
    await client.administration.set_admin(await id_of(client, asked.user), asked.reason, admin=False)
    return ["is no administrator any more"]
