"""Ids that a client makes or takes apart by itself."""

from __future__ import annotations

import uuid
from typing import Final

_COUNTER_BITS: Final = 20


def direct_id(one: str, other: str) -> str:
    """Return the id of the direct chat of two users. It exists without being created: just write to it."""
    return f"{min(one, other)}-{max(one, other)}"


def is_direct(conversation_id: str) -> bool:
    """Whether this is the id of a direct chat."""
    return "-" in conversation_id


def is_group(conversation_id: str) -> bool:
    """Whether this is the id of a group."""
    return conversation_id.startswith("g")


def peer_of(conversation_id: str, user_id: str) -> str:
    """Return the other user of a direct chat; the user themselves in a chat with oneself."""
    first, _, second = conversation_id.partition("-")
    return second if first == user_id else first


def new_request_id() -> str:
    """Return an id for one act, so that repeating the call does not act twice."""
    return uuid.uuid4().hex


class MessageIds:
    """Numbers for sends: Unix milliseconds << 20 plus a counter, each larger than any before.

    `last` is the largest one used so far; keep it over a restart, because the clock may have been set back.
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self, now_ms: int) -> int:
        """Return the next number."""
        self.last = max(self.last + 1, now_ms << _COUNTER_BITS)
        return self.last
