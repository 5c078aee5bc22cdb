"""GatewayService: the device stream. Reads frames, checks them, dispatches them; the session writes by itself."""

import asyncio
import contextlib
from collections.abc import Awaitable
from functools import partial

from mesh.caller import Caller
from mesh.clock import Clock
from mesh.limits import Rate, TokenBuckets
from mesh.stream import Stream, StreamClosed, parse
from parley.gateway.v1.frame_pb2 import ClientFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest, SubmitRequest, SubmitResponse, SubscribeRequest
from svc_gateway import domain
from svc_gateway.application.attach import Attach, Opening
from svc_gateway.application.browsers import Browsers
from svc_gateway.application.session import Session
from svc_gateway.domain import Limits
from svc_gateway.servicer import frames
from svc_gateway.servicer.check import Check
from svc_gateway.servicer.dispatch import Dispatch
from svc_gateway.servicer.plain import is_heartbeat, is_plain


class Writer:
    """Writes to a stream whatever waits for its device."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __call__(self, joined: bytes) -> Awaitable[None] | None:
        """Write. Whoever reads the stream learns that it is over, and ends the session."""
        try:
            return None if self._stream.send(frames.wrap(joined)) else self._drained()
        except StreamClosed:
            return None

    async def _drained(self) -> None:
        with contextlib.suppress(StreamClosed):
            await self._stream.drained()


class GatewayServicer:
    """RPCs of GatewayService."""

    def __init__(
        self,
        attach: Attach,
        dispatch: Dispatch,
        check: Check,
        browsers: Browsers,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._attach = attach
        self._dispatch = dispatch
        self._check = check
        self._browsers = browsers
        self._limits = limits
        self._clock = clock
        self._rates = TokenBuckets(Rate(limits.frames_burst, limits.frames_per_s), clock, of="frames")

    async def connect(self, stream: Stream, caller: Caller) -> None:
        """Serve a device until it says good-bye, vanishes, or is closed from this side."""
        first = await stream.read(ConnectRequest)
        if first is None:
            return
        session = await self._open(stream, first.frame, quiet=True)
        try:
            self._interrupt_on_close(session)
            await self._take(session, first.frame)
            # An idle device keeps no frame: what is parsed, and the access token in it, would stay until the next.
            del first
            take_at_once = partial(self._take_at_once, session)
            stream.divert(take_at_once)
            while (request := await stream.read_bytes()) is not None:
                if not take_at_once(request):
                    frame = parse(ConnectRequest, request).frame
                    await self._take(session, frame)
                    if frame.HasField("bye"):
                        return
                    del frame
                del request
        except asyncio.CancelledError:
            if session.end is None:
                raise
        finally:
            await self._finish(stream, session)

    async def subscribe(self, request: SubscribeRequest, stream: Stream, caller: Caller) -> None:
        """Serve a browser: frames come in by `submit`."""
        session = await self._open(stream, request.frame, quiet=False)
        self._browsers.add(session)
        try:
            await self._take(session, request.frame)
            await self._until_closed(session)
        except asyncio.CancelledError:
            if session.end is None:
                raise
        finally:
            self._browsers.remove(session)
            await self._finish(stream, session)

    async def submit(self, request: SubmitRequest, caller: Caller) -> SubmitResponse:
        """Take a frame of a browser."""
        session = self._browsers.find(caller.user_id, caller.device_id, request.epoch)
        if self._browsers.is_next(session, request.number):
            self._admit(session, request.frame)
            self._browsers.taken(session, request.number)
            await self._dispatch.take(session, self._check.sift(session, request.frame))
        return SubmitResponse()

    async def _open(self, stream: Stream, frame: ClientFrame, *, quiet: bool) -> Session:
        if not frame.HasField("hello"):
            raise domain.violation("the first frame must carry hello")
        hello = frame.hello

        opening = Opening(hello.access_token, hello.protocol_version, hello.flow_window)
        session = await self._attach.open(opening, Writer(stream), frames.lagging)
        now = self._clock.now_ms()
        if quiet:
            session.patience = 2 * self._limits.quiet_interval_s
        if frame.HasField("resume"):
            session.hold()
        session.push(frames.welcome(session.identity, self._limits, now, session.expires_at_ms, quiet=quiet))
        frame.ClearField("hello")
        return session

    def _interrupt_on_close(self, session: Session) -> None:
        task = asyncio.current_task()
        if task is not None:
            session.on_close(task.cancel)

    def _take_at_once(self, session: Session, request: bytes) -> bool:
        """Take a frame of plain texts, or of a heartbeat, where it arrives; return false for any other."""
        frame = parse(ConnectRequest, request).frame
        if is_plain(frame, request):
            self._rates.take(session.ref)
            self._dispatch.pass_sends(session, frame, request)
        elif is_heartbeat(frame, request):
            self._rates.take(session.ref)
            self._dispatch.beat(session, frame)
        else:
            return False
        return True

    async def _take(self, session: Session, frame: ClientFrame) -> None:
        self._admit(session, frame)
        await self._dispatch.take(session, self._check.sift(session, frame))

    def _admit(self, session: Session, frame: ClientFrame) -> None:
        if frame.HasField("hello"):
            raise domain.violation("hello may come once, in the first frame")
        self._rates.take(session.ref)
        if not frame.ListFields():
            session.unknown += 1
            if session.unknown > domain.MAX_UNKNOWN_FRAMES:
                raise domain.violation("too many frames without anything that this server knows")

    async def _until_closed(self, session: Session) -> None:
        closed = asyncio.Event()
        session.on_close(closed.set)
        await closed.wait()

    async def _finish(self, stream: Stream, session: Session) -> None:
        """Tell the device why, if this side ended the stream, and give everything up."""
        try:
            if session.end is not None:
                if session.end.reason == domain.Reason.STREAM_REPLACED:
                    session.push(frames.replaced(int(session.end.metadata["epoch"])))
                await session.drain()
                stream.fail(session.end)
            else:
                await session.written()
        finally:
            self._rates.forget(session.ref)
            await self._attach.close(session)
