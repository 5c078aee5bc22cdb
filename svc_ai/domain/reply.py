"""A reply: what names it, how it goes on, how it ends."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mesh import ids

ID_BITS: Final = 75
"""What the 15 characters of an id hold."""

ASSISTANT_BITS: Final = 23
"""Lowest bits of an append's number: they tell the assistants of one group apart and leave 40 bits to the seq."""


class Finish(Enum):
    """How a reply ended."""

    COMPLETE = "complete"
    CANCELLED = "cancelled"
    TRUNCATED = "truncated"
    """It reached the longest text or the longest time; what was written is kept."""
    FAILED = "failed"


class Failure(Enum):
    """Why there is no reply, or no more of it."""

    MODEL_UNAVAILABLE = "model_unavailable"
    TIMEOUT = "timeout"
    BUDGET_EXHAUSTED = "budget_exhausted"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    INTERNAL = "internal"

    @property
    def retryable(self) -> bool:
        """Whether asking again may help."""
        return self not in (Failure.REFUSED, Failure.CANCELLED)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call of the model used, in the model's tokens, and what else is known of it at its end."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Of those read: tokens that the provider still had."""
    model: str = ""
    """Which model it was; empty: the one that was asked."""
    cut: bool = False
    """The model stopped at its longest answer, and not because it was done."""
    cost_micros: int = 0
    """In millionths of the installation's currency; 0 where the model has no price."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, from its question. The same question gives the same `id` and `number`, also after a crash."""

    assistant_id: str
    conversation_id: str
    in_reply_to_seq: int
    asked_by: str
    started_at_ms: int
    again: int = 0
    """How often the question was answered anew before: each has an id and a number of its own."""

    @property
    def id(self) -> str:
        """`r` and 15 characters."""
        key = f"{self.assistant_id}/{self.conversation_id}/{self.in_reply_to_seq}"
        return f"r{derived(f'{key}/{self.again}' if self.again else key)}"

    @property
    def number(self) -> int:
        """What makes its append idempotent: rises with the seq that is answered, 1 to 2^63-1."""
        assistant = int.from_bytes(hashlib.sha256(self.assistant_id.encode()).digest()[:4], "big")
        low = (assistant >> (32 - ASSISTANT_BITS)) + self.again
        return self.in_reply_to_seq << ASSISTANT_BITS | low % (1 << ASSISTANT_BITS)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a text ended: `failure` says why unless it is complete, cancelled with text, or full."""

    finish: Finish
    failure: Failure | None = None
    retry_after: float = 0.0
    """Seconds until asking again makes sense; 0 if it does not matter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished reply, as it is appended."""

    reply: Reply
    text: str
    finish: Finish
    model: str
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Opened:
    """The assistant begins."""


@dataclass(frozen=True, slots=True)
class Delta:
    """More text, from `offset` (code points) on."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole text so far."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is an entry."""

    entry_seq: int
    finish: Finish


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no text; `entry_seq` is the entry that says so, 0 if there is none."""

    failure: Failure
    entry_seq: int = 0
    retry_after: float = 0.0


Happening = Opened | Delta | Snapshot | Finished | Failed


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a reply, to be shown. `number` rises within the reply, also after a crash."""

    reply: Reply
    number: int
    happening: Happening


def derived(key: str) -> str:
    """15 characters of an id that follow from `key`, the same each time."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:10], "big")
    return ids.encode(digest >> (80 - ID_BITS))
