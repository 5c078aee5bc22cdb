"""Decides what becomes of the stream: open, refresh, wait, leave, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import Connected, Disconnected, Event, Replaced, SignedOut, Stopped
from parley_sdk.machine.actions import Action, CloseStream, Notify, OpenStream, RefreshToken
from parley_sdk.machine.catch_up import CatchUp
from parley_sdk.machine.connection import Connection, Phase
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.outbox import Outbox
from parley_sdk.machine.upstream import Upstream

PROTOCOL_VERSION: Final = 1


class Life:
    """The stream of one device. It knows nothing of what travels on it."""

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        upstream: Upstream,
        catch_up: CatchUp,
        limits: Limits,
        emit: Callable[[Action], None],
        client: str,
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._upstream = upstream
        self._catch_up = catch_up
        self._limits = limits
        self._emit = emit
        self._client = client
        self._token = ""
        self._told_offline = False

    def start(self, access_token: str, now: float) -> None:
        """Go online with this token, and stay so."""
        self._token = access_token
        self._told_offline = False
        if self._connection.phase is Phase.STOPPED:
            self._open(now)

    def halt(self, last: frame_pb2.ClientFrame | None = None) -> None:
        """Go offline for good; write `last` before."""
        if self._connection.open:
            self._emit(CloseStream(self._connection.stream, last))
        self._outbox.rewind()
        self._connection.stop()

    def ended(self, error: ParleyError | None, now: float) -> None:
        """The stream is over; `error` is None when the server closed it without a complaint."""
        self._outbox.rewind()
        if error is None:
            self._wait(None, now)
        elif error.reason == "STREAM_REPLACED":
            self._halt_with(Replaced(0))
        elif error.code is Code.FAILED_PRECONDITION or error.reason == "SCOPE_REQUIRED":
            self._halt_with(Stopped(error))
        elif error.reason == "SESSION_REVOKED":
            self._halt_with(SignedOut(error))
        elif error.code is Code.UNAUTHENTICATED:
            self._token_refused(error)
        else:
            self._wait(error, now)

    def token_changed(self, access_token: str, expires_at_ms: int, now: float) -> None:
        """A new access token is there."""
        self._token = access_token
        if self._connection.phase is Phase.READY:
            self._upstream.token(access_token)
            self._connection.token_until(expires_at_ms, now)
        elif self._connection.phase is Phase.REFRESHING:
            self._open(now)

    def refresh_failed(self, error: ParleyError, now: float) -> None:
        """There is no new access token."""
        if self._connection.phase is Phase.STOPPED:
            return
        if error.code in {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED}:
            self._halt_with(SignedOut(error))
        elif self._connection.phase is Phase.REFRESHING:
            self._connection.refresh(now + self._connection.delay(error.retry_after))
        elif self._connection.phase is Phase.READY:
            self._connection.token_at = now + 1.0 + self._connection.delay(error.retry_after)

    def hear(self, frame: frame_pb2.ServerFrame, now: float) -> None:
        """Take in what a frame says before its entries."""
        self._connection.heard(now)
        if frame.HasField("welcome"):
            self._connection.welcome(frame.welcome, now)
            self._outbox.max_in_flight = max(1, frame.welcome.max_in_flight)
            self._told_offline = False
            self._tell(Connected(frame.welcome.epoch))
        if frame.max_in_flight:
            self._outbox.max_in_flight = frame.max_in_flight

    def obey(self, frame: frame_pb2.ServerFrame, now: float) -> None:
        """Take in what a frame says after its entries."""
        if frame.HasField("lagging"):
            self._catch_up.want()
        if frame.heartbeat.stale:
            self._catch_up.stale(now)
        if frame.HasField("retry_unanswered"):
            self._outbox.rewind()
            self._outbox.retry_number = max(self._outbox.retry_number, frame.retry_unanswered.number)
        if frame.HasField("drain"):
            self._connection.drain(frame.drain.reconnect_within_ms, now)
        if frame.HasField("replaced"):
            self._halt_with(Replaced(frame.replaced.epoch))

    def tick(self, now: float) -> None:
        """Do what is due."""
        connection = self._connection
        if connection.open_at is not None and connection.open_at <= now:
            self._try_again(now)
        elif connection.drain_at is not None and connection.drain_at <= now:
            self._move(now)
        elif connection.welcome_by is not None and connection.welcome_by <= now:
            self._give_up("the stream did not open in time", now)
        elif connection.silent_at is not None and connection.silent_at <= now:
            self._give_up("the server gave no sign of life", now)
        elif connection.token_at is not None and connection.token_at <= now:
            # Until the answer is there; without one, once more.
            connection.token_at = now + self._limits.token_margin / 4
            self._emit(RefreshToken())

    def _open(self, now: float) -> None:
        stream = self._connection.connect(now)
        self._upstream.restart()
        self._outbox.retry_number = 0
        frame = frame_pb2.ClientFrame(resume=self._catch_up.restart(now))
        frame.hello.access_token = self._token
        frame.hello.protocol_version = PROTOCOL_VERSION
        frame.hello.flow_window = self._limits.flow_window
        frame.hello.client = self._client
        self._emit(OpenStream(stream, frame))

    def _move(self, now: float) -> None:
        self._emit(CloseStream(self._connection.stream))
        self._outbox.rewind()
        self._open(now)

    def _give_up(self, why: str, now: float) -> None:
        self._emit(CloseStream(self._connection.stream))
        self.ended(ParleyError(Code.UNAVAILABLE, "HEARTBEAT_MISSED", why), now)

    def _try_again(self, now: float) -> None:
        if self._connection.phase is Phase.REFRESHING:
            self._connection.open_at = None
            self._emit(RefreshToken())
        else:
            self._open(now)

    def _token_refused(self, error: ParleyError) -> None:
        if self._connection.refreshed:
            self._halt_with(SignedOut(error))
            return
        self._connection.refresh()
        self._emit(RefreshToken())

    def _wait(self, error: ParleyError | None, now: float) -> None:
        delay = self._connection.lost(now, error.retry_after if error else None)
        if not self._told_offline:
            self._told_offline = True
            self._tell(Disconnected(error, delay))

    def _halt_with(self, event: Event) -> None:
        self.halt()
        self._tell(event)

    def _tell(self, event: Event) -> None:
        self._emit(Notify(event, ("connection",)))
