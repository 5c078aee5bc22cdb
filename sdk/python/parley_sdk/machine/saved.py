"""What outlives a restart."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SavedPlace:
    """How far the app has come in one conversation."""

    conversation_id: str
    seq: int
    """The app was handed everything up to here."""
    read_seq: int = 0
    """The user has read up to here, as the server last said."""
    wanted_read_seq: int = 0
    """The user has read up to here, as the app said."""
    peer_read_seq: int = 0
    """In a direct chat: the other one has read up to here."""


@dataclass(frozen=True, slots=True)
class SavedSend:
    """A send that has no answer yet."""

    client_message_id: int
    send: bytes
    """An encoded parley.message.v1.Send."""


@dataclass(frozen=True, slots=True)
class Saved:
    """All that a state machine starts from."""

    places: tuple[SavedPlace, ...] = ()
    """The latest active last."""
    sends: tuple[SavedSend, ...] = ()
    """In the order in which they were made."""
    user_id: str = field(default="", kw_only=True)
    """The user; empty before the first log-in."""
