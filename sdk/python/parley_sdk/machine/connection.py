"""The life of the stream: when to open it, how long to wait, when to give up."""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Final

from parley.gateway.v1 import frame_pb2
from parley_sdk.machine.limits import Limits

_SILENT_INTERVALS: Final = 2.5
_ANSWER_INTERVALS: Final = 1.5
"""How long the answer to a heartbeat may take, in heartbeat intervals."""
_LATEST_SHARE: Final = 0.2


class Phase(Enum):
    """Where the client stands."""

    STOPPED = "stopped"
    WAITING = "waiting"
    REFRESHING = "refreshing"
    CONNECTING = "connecting"
    READY = "ready"


class Connection:
    """Phase, number of the stream, and the times that matter to it. None: does not matter now."""

    def __init__(self, limits: Limits, random: Random) -> None:
        self.phase = Phase.STOPPED
        self.stream = 0
        """Number of the newest stream: what comes from an earlier one is not heard."""
        self.refreshed = False
        """A token was fetched since a stream last opened: another refusal of it is final."""
        self.welcome_by: float | None = None
        self.open_at: float | None = None
        self.heartbeat_at: float | None = None
        self.silent_at: float | None = None
        self.token_at: float | None = None
        self.drain_at: float | None = None
        self._limits = limits
        self._random = random
        self._failures = 0
        self._ready_since: float | None = None
        self._heartbeat_interval = 0.0
        self._quiet_interval = 0.0
        self._server_ahead_ms = 0.0

    @property
    def open(self) -> bool:
        """There is a stream, if only in the making."""
        return self.phase in {Phase.CONNECTING, Phase.READY}

    def connect(self, now: float) -> int:
        """Begin a new stream and return its number."""
        self._clear(Phase.CONNECTING)
        self.stream += 1
        self.welcome_by = now + self._limits.welcome_timeout
        return self.stream

    def welcome(self, welcome: frame_pb2.Welcome, now: float) -> None:
        """The stream is open."""
        self.phase = Phase.READY
        self.refreshed = False
        self.welcome_by = None
        self._ready_since = now
        self._heartbeat_interval = welcome.heartbeat_interval_ms / 1_000 or 30.0
        self._quiet_interval = max(self._heartbeat_interval, welcome.quiet_interval_ms / 1_000)
        self._server_ahead_ms = welcome.server_time_ms - now * 1_000
        self.heartbeat_at = now + self._heartbeat_interval
        self.token_until(welcome.token_expires_at_ms, now)
        self.heard(now)

    def heard(self, now: float) -> None:
        """Something came: the server lives."""
        if self.phase is Phase.READY:
            answered_by = (self.heartbeat_at or now) + _ANSWER_INTERVALS * self._heartbeat_interval
            self.silent_at = max(now + _SILENT_INTERVALS * self._heartbeat_interval, answered_by)

    def beaten(self, now: float, *, quiet: bool) -> None:
        """A heartbeat was said; the next one may wait for longer when nothing is on its way."""
        self.heartbeat_at = now + (self._quiet_interval if quiet else self._heartbeat_interval)

    def stirred(self, now: float) -> None:
        """Something happened: what was said with the last heartbeat is not true any more, so the next comes sooner."""
        if self.heartbeat_at is not None:
            self.heartbeat_at = min(self.heartbeat_at, now + self._heartbeat_interval)

    def token_until(self, expires_at_ms: int, now: float) -> None:
        """Plan the next token: one minute before the present one ends, or after 4/5 of its life if that is later."""
        if not expires_at_ms:
            self.token_at = None
            return
        left = max(0.0, (expires_at_ms - self._server_ahead_ms) / 1_000 - now)
        self.token_at = now + max(1.0, left - min(self._limits.token_margin, left * _LATEST_SHARE))

    def drain(self, window_ms: int, now: float) -> None:
        """Plan to leave at a random time within the window."""
        self.drain_at = now + self._random.uniform(0, window_ms / 1_000)

    def lost(self, now: float, retry_after: float | None) -> float:
        """Plan to open a new stream after the old one broke; return the delay in seconds."""
        planned = self.drain_at
        steady = self._ready_since is not None and now - self._ready_since >= self._limits.steady_after
        self._failures = 0 if steady else self._failures
        self._clear(Phase.WAITING)
        self.open_at = max(planned, now) if planned is not None else now + self._delay(retry_after)
        return self.open_at - now

    def refresh(self, retry_at: float | None = None) -> None:
        """Wait for a new token before the next stream; `retry_at` plans to ask for it again."""
        self._clear(Phase.REFRESHING)
        self.refreshed = True
        self.open_at = retry_at

    def delay(self, retry_after: float | None = None) -> float:
        """Return how long to wait after one more failure, seconds."""
        return self._delay(retry_after)

    def stop(self) -> None:
        """Open no stream any more."""
        self._clear(Phase.STOPPED)
        self.refreshed = False
        self._failures = 0

    def wake_at(self) -> float | None:
        """Return the earliest of the times at which something is to be done, not only said."""
        times = (
            self.welcome_by,
            self.open_at,
            self.silent_at,
            self.token_at,
            self.drain_at,
        )
        return min((time for time in times if time is not None), default=None)

    def _delay(self, retry_after: float | None) -> float:
        most = min(self._limits.backoff_most, self._limits.backoff_first * 2.0 ** min(self._failures, 20))
        self._failures += 1
        jittered = self._random.uniform(0, most)
        # The server named a time: come after it, spread out like everybody else.
        return jittered if retry_after is None else retry_after + jittered

    def _clear(self, phase: Phase) -> None:
        self.phase = phase
        self.welcome_by = self.open_at = self.heartbeat_at = None
        self.silent_at = self.token_at = self.drain_at = None
        self._ready_since = None
