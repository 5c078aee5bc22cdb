"""Drives the state machine: gives it the time, carries out its actions, brings it the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, get_args

import grpc

from parley.gateway.v1 import frame_pb2
from parley.message.v1 import message_service_pb2
from parley_sdk.errands import Errands
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import Connected, Replaced, SignedOut, Stopped
from parley_sdk.feed import Feed
from parley_sdk.infrastructure.calls import Calls
from parley_sdk.infrastructure.sqlite import Store
from parley_sdk.infrastructure.stream import DeviceStream
from parley_sdk.machine import Action, Machine
from parley_sdk.machine.actions import (
    CloseStream,
    Delivery,
    ListStates,
    Notify,
    OpenStream,
    Pull,
    RefreshToken,
    Sent,
    Settle,
    StoreAction,
)
from parley_sdk.machine.connection import Phase
from parley_sdk.session import Session

_STORE_ACTIONS: Final = get_args(StoreAction)


class Runner:
    """One logged-in device while its client is open. What happens in one turn of the loop is dealt with at its end."""

    def __init__(
        self,
        machine: Machine,
        *,
        store: Store,
        calls: Calls,
        session: Session,
        feed: Feed,
        open_channel: Callable[[], grpc.aio.Channel],
    ) -> None:
        self.machine = machine
        self._store = store
        self._session = session
        self._feed = feed
        self._open_channel = open_channel
        self._loop = asyncio.get_running_loop()
        self._stream: DeviceStream | None = None
        self._errands = Errands(machine, calls, session, self.touch)
        self._closing: set[asyncio.Task[None]] = set()
        self._answers: dict[int, asyncio.Future[Sent]] = {}
        self._turn_handle: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._online = asyncio.Event()

    # What the app wants.

    @property
    def now(self) -> float:
        """The time as the machine counts it."""
        return self._loop.time()

    def go_online(self) -> None:
        """Open the stream and keep it open."""
        credentials = self._session.credentials
        if credentials is not None:
            self.machine.start(credentials.user_id, credentials.access_token, self.now)
            self.touch()

    async def go_offline(self) -> None:
        """Close the stream; what has no answer yet goes with the next one."""
        self.machine.stop(self.now)
        self._turn()
        await self._errands.cancel()
        await asyncio.gather(*self._closing)

    async def online(self) -> None:
        """Wait until the stream is open. Raises ParleyError when that will not happen by itself."""
        while self.machine.phase is not Phase.READY:
            self._online.clear()
            if self.machine.phase is Phase.STOPPED:
                raise ParleyError(Code.UNAVAILABLE, "OFFLINE", "the client is offline")
            await self._online.wait()

    def send(self, send: message_service_pb2.Send) -> asyncio.Future[Sent]:
        """Put a send into the outbox and return what becomes of it. Raises ParleyError when the outbox is full."""
        self.machine.send(send)
        answer = self._loop.create_future()
        # Who does not wait for it learns of a refusal by the event SendFailed.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._answers[send.client_message_id] = answer
        self.touch()
        return answer

    def taken(self, delivery: Delivery) -> None:
        """Note that the app has dealt with an entry."""
        self.machine.taken(delivery, self.now)
        self.touch()

    def touch(self) -> None:
        """Let the machine go on at the end of this turn."""
        if self._turn_handle is None:
            self._turn_handle = self._loop.call_soon(self._turn)

    async def close(self) -> None:
        """Go offline and let nothing run on. Who waits for a send gets an error; the send stays in the outbox."""
        await self.go_offline()
        self._abandon("CLIENT_CLOSED")
        for handle in (self._turn_handle, self._timer):
            if handle is not None:
                handle.cancel()

    # What happens on the stream.

    def stream_writable(self) -> None:
        """See Listener."""
        self.touch()

    def frame_received(self, stream: int, frame: frame_pb2.ServerFrame) -> None:
        """See Listener."""
        self.machine.frame_received(stream, frame, self.now)
        self.touch()

    def stream_ended(self, stream: int, error: ParleyError | None) -> None:
        """See Listener."""
        self.machine.stream_ended(stream, error, self.now)
        self.touch()

    # The turn.

    def _turn(self) -> None:
        self._turn_handle = None
        now = self.now
        self.machine.tick(now)
        writable = self._stream is not None and self._stream.writable
        frame = self.machine.next_frame(now) if writable else None
        actions = self.machine.take_actions()
        if self._store_all(actions):
            for action in actions:
                self._perform(action)
            if frame is not None and self._stream is not None:
                self._stream.write(frame)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        writable = self._stream is not None and self._stream.writable
        wake_at = self.machine.wake_at(writable=writable)
        self._timer = None if wake_at is None else self._loop.call_at(wake_at, self.touch)

    def _store_all(self, actions: list[Action]) -> bool:
        kept = [action for action in actions if isinstance(action, _STORE_ACTIONS)]
        try:
            if kept:
                self._store.apply(kept)
        except ParleyError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: ParleyError) -> None:
        self.machine.stop(self.now)
        self._notify(Notify(Stopped(error)))
        self.touch()

    def _perform(self, action: Action) -> None:
        match action:
            case Delivery():
                self._feed.deliver(action)
            case Notify():
                self._notify(action)
            case Settle(_, number, outcome):
                self._settle(number, outcome)
            case OpenStream(number, frame):
                self._stream = DeviceStream(number, self._open_channel(), frame, self)
            case CloseStream(_, last):
                self._close_stream(last)
            case RefreshToken() | Pull() | ListStates():
                self._errands.run(action)

    def _notify(self, notice: Notify) -> None:
        self._feed.notify(notice)
        if isinstance(notice.event, Connected | Replaced | SignedOut | Stopped):
            self._online.set()
        if isinstance(notice.event, Replaced | SignedOut | Stopped):
            self._abandon("OFFLINE")

    def _settle(self, number: int, outcome: Sent | ParleyError) -> None:
        answer = self._answers.pop(number, None)
        if answer is None or answer.done():
            return
        if isinstance(outcome, Sent):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)

    def _abandon(self, reason: str) -> None:
        answers, self._answers = self._answers, {}
        why = "it is not known whether the message was accepted; it stays in the outbox"
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(ParleyError(Code.UNAVAILABLE, reason, why))

    def _close_stream(self, last: frame_pb2.ClientFrame | None) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            task = self._loop.create_task(stream.close(last))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
