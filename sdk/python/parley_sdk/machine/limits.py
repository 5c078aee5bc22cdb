from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client holds and how long it waits. Times are seconds."""

    backlog: int = 1_000
    """A conversation that the device meets for the first time is entered at most this many entries before its end."""
    flow_window: int = 1_000
    """Entries that the server may push before the app took them."""
    queue: int = 2_000
    """Entries in memory that the app did not take yet, those waiting for an earlier one included."""
    outbox: int = 10_000
    """Sends without an answer, from earlier runs included."""
    frame_sends: int = 64
    """Sends in one frame, by the contract."""
    frame_bytes: int = 256 * 1024
    """Bytes of sends in one frame: a server takes 1 MiB, and 64 of the largest texts would not fit."""
    answer_timeout: float = 10.0
    """A send without an answer for so long goes again."""
    welcome_timeout: float = 10.0
    """The stream must open within this time."""
    resume_timeout: float = 20.0
    """A Resume without an answer for so long goes again."""
    stale_patience: float = 2.0
    """A digest that differs means something only after so long without an entry: until then one may be on its way."""
    stale_most: float = 30.0
    """It means something after so long in any case."""
    gap_patience: float = 0.2
    """How long an entry waits for an earlier one that may have taken another way, before it is pulled."""
    acks_delay: float = 0.1
    """How long marks of what was received wait for company."""
    backoff_first: float = 0.2
    """Upper bound of the random delay before the first try to reconnect; doubles with each failure."""
    backoff_most: float = 30.0
    """It does not double beyond this."""
    steady_after: float = 5.0
    """A stream that lived so long was good: the next failure counts as the first."""
    token_margin: float = 60.0
    """A new access token is fetched so long before the present one ends, or after 4/5 of its life if that is later."""
