"""What a connection is watched for: whether its peer lives, has been there for long enough, and bears itself."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sized

TICK_S: Final = 5.0
"""Seconds between two looks at a connection: counting them costs a twentieth of a timer for each."""

GREETING_TICKS: Final = 1
"""Someone who connects and says nothing is dropped after 5 to 10 s."""

PING_TICKS: Final = 6
"""Who was silent for 30 to 35 s is pinged. Whatever comes puts it off: who pings by itself each 30 s is not."""

ANSWER_TICKS: Final = 2
"""A peer that answers nothing for 10 s more is gone: within 45 s in all, as its user is shown to others."""

IDLE_TICKS: Final = 60
"""A connection without an RPC is told to go after five minutes."""

GOING_TICKS: Final = 12
"""One that was told to go has a minute to end its RPCs."""

MAX_CHATTER: Final = 100
"""Frames that ask for work and bring nothing, PING above all, between two looks, while no message is sent to the peer
in between. A client that measures the line pings once for what it is sent."""

MAX_RESETS: Final = 500
"""RPCs that may be reset between two looks: opening and resetting is cheaper than serving."""


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
    """Counts of one connection, in ticks. With an age of 0 it may stay for ever, and be without an RPC."""

    __slots__ = ("_age", "_chatter", "_going", "_idle", "_left", "_quiet", "_resets", "_waited", "greeted")

    def __init__(self, age: int) -> None:
        self.greeted = False
        """Whether the peer has heard what this end takes, and said so."""
        self._age, self._left = bool(age), age
        self._quiet = self._idle = self._going = self._waited = self._chatter = self._resets = 0

    def tick(self, heard: bool, rpcs: Sized) -> Due:  # noqa: FBT001  a thousand times a second
        """Count, and say what is due. `heard`: whether something has come since the last look."""
        self._resets = self._chatter = 0
        self._quiet = 0 if heard else self._quiet + 1
        if self._quiet >= PING_TICKS + ANSWER_TICKS or (not self.greeted and self._mute()):
            return Due.DROP
        if self._going and self._expired():
            return Due.END
        if self._age and self._leaves(idle=not rpcs):
            return Due.GO
        return Due.PING if self._quiet == PING_TICKS else Due.NOTHING

    def going(self) -> None:
        """The peer was told to go."""
        self._going = self._going or 1

    def sent(self) -> None:
        """The peer was sent something that it waited for."""
        self._chatter = 0

    def bears(self) -> bool:
        """Count a frame that brings nothing; return whether the peer may go on."""
        self._chatter += 1
        return self._chatter <= MAX_CHATTER

    def bears_reset(self) -> bool:
        """Count an RPC that was reset; return whether the peer may go on."""
        self._resets += 1
        return self._resets <= MAX_RESETS

    def _mute(self) -> bool:
        self._waited += 1
        return self._waited > GREETING_TICKS

    def _expired(self) -> bool:
        self._going += 1
        return self._going > GOING_TICKS

    def _leaves(self, *, idle: bool) -> bool:
        self._left -= 1
        self._idle = self._idle + 1 if idle else 0
        return not self._going and (self._left <= 0 or self._idle >= IDLE_TICKS)
