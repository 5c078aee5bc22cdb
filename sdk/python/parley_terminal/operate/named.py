"""What operators name: accounts and numbers."""

from __future__ import annotations

from typing import Final

from parley_sdk import Client

HOUR_MS: Final = 3_600_000


async def id_of(client: Client, name: str) -> str:
    """The id of a user who is named by id or username. Raises ValueError."""
    found = [one.user for one in await client.administration.find(name)]
    # An id first: anybody may take the id of somebody else for a name.
    exact = [one for one in found if one.user_id == name] or [one for one in found if one.username == name]
    if not exact:
        raise ValueError(f"there is no user with the name or id {name}")
    return exact[0].user_id


def number_of(text: str, what: str) -> float:
    """A number that was typed. Raises ValueError, which says what it is for."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{what} is a number, and not {text!r}") from None
