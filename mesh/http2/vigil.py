"""What a connection is watched for: whether its peer lives, has been there for long enough, and bears itself.

All times are seconds on the clock of the event loop.
"""

from __future__ import annotations

import random
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames
from mesh.http2.frames import ConnectionFault

if TYPE_CHECKING:
    from collections.abc import Sized

GREETING_S: Final = 8.0
"""Someone who connects and says nothing is dropped after this."""

PING_S: Final = 36.0
"""Who was silent for so long is pinged. Whatever comes puts it off: who pings by itself each 30 s is not."""

ANSWER_S: Final = 8.0
"""A peer that answers nothing for this is gone: within 45 s in all, as its user is shown to others."""

EARLIER: Final = 0.05
"""By how much of its time a ping may come earlier, one connection so and another so: thousands that came together,
after a cut, would else be pinged in one turn of the loop."""

IDLE_S: Final = 300.0
"""A connection without an RPC is told to go after this, and at most `PING_S` more."""

GOING_S: Final = 60.0
"""How long one that was told to go has to end its RPCs."""

CALM_S: Final = 5.0
"""The time that the next two are counted in."""

MAX_CHATTER: Final = 100
"""Frames that ask for work and bring nothing, PING above all, while no message is sent to the peer in between. A client
that measures the line pings once for what it is sent."""

MAX_RESETS: Final = 500
"""RPCs that may be reset: opening and resetting is cheaper than serving."""


class Due(Enum):
    """What a look at a connection finds."""

    NOTHING = auto()
    PING = auto()
    GO = auto()
    """It is to end its RPCs and go."""
    END = auto()
    """It was told to go long ago."""
    DROP = auto()
    """It is dead."""


class Vigil:
    """One connection's. With an age of infinity it may stay for ever, and be without an RPC."""

    __slots__ = (
        "_answer_s", "_asked", "_calm", "_chatter", "_ends", "_greets", "_idle", "_leaves", "_ping_s", "_resets",
        "next",
    )  # fmt: skip

    def __init__(self, now: float, ping_s: float, answer_s: float, age_s: float) -> None:
        self.next = now + min(GREETING_S, ping_s, age_s)
        """When to look."""
        self._greets = now + GREETING_S
        self._leaves = now + age_s
        self._ends = self._idle = inf
        self._asked = -inf
        self._ping_s = ping_s * random.uniform(1 - EARLIER, 1)  # noqa: S311  nobody gains by guessing it
        self._answer_s = answer_s
        self._calm = now
        self._chatter = self._resets = 0

    def greeted(self) -> None:
        """The peer has heard what this end takes, and said so."""
        self._greets = inf

    def look(self, now: float, heard: float, rpcs: Sized) -> Due:
        """Say what is due, and in `next` when to look again. `heard`: when something came last."""
        due, speaks = Due.NOTHING, heard + self._ping_s
        if now >= speaks:
            if self._asked <= heard:
                due, self._asked = Due.PING, now
            speaks = self._asked + self._answer_s
        if now >= speaks or now >= self._greets:
            return Due.DROP
        if now >= self._ends:
            return Due.END
        if self._leaves != inf and self._enough(now, rpcs):
            return Due.GO
        self.next = min(speaks, self._greets, self._leaves, self._ends)
        return due

    def going(self, now: float) -> None:
        """The peer was told to go."""
        self._leaves, self._ends = inf, min(self._ends, now + GOING_S)

    def sent(self) -> None:
        """The peer was sent something that it waited for."""
        self._chatter = 0

    def chatter(self, now: float) -> None:
        """Count a frame that brings nothing. Raises ConnectionFault when it is one too many."""
        self._calms(now)
        self._chatter += 1
        if self._chatter > MAX_CHATTER:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)

    def reset(self, now: float) -> None:
        """Count an RPC that was reset. Raises ConnectionFault when it is one too many."""
        self._calms(now)
        self._resets += 1
        if self._resets > MAX_RESETS:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)

    def _calms(self, now: float) -> None:
        if now >= self._calm + CALM_S:
            self._calm = now
            self._chatter = self._resets = 0

    def _enough(self, now: float, rpcs: Sized) -> bool:
        """Whether it has been here for long enough, or for long enough without an RPC."""
        self._idle = inf if rpcs else min(self._idle, now)
        return now >= self._leaves or now >= self._idle + IDLE_S
