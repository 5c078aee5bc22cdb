"""Client frames -> use cases: each kind of frame has its own few lines. Sends go to the links as they came."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from mesh import errors
from mesh.clock import Clock
from mesh.errors import Code, MeshError
from mesh.link import MAX_BATCH_BYTES
from parley.gateway.v1.frame_pb2 import ClientFrame, Mark
from parley.link.v1.link_service_pb2 import (
    DeviceDigest,
    DeviceMark,
    DeviceResume,
    DeviceSend,
    DeviceTyping,
    LinkRequest,
)
from parley.message.v1.message_service_pb2 import Send
from svc_gateway import domain
from svc_gateway.application.attach import Attach
from svc_gateway.application.presence import Presences
from svc_gateway.application.session import Session
from svc_gateway.domain import Limits, Reason, Upstream
from svc_gateway.servicer import frames


class Dispatch:
    """Takes the frames of all sessions."""

    def __init__(self, upstream: Upstream, attach: Attach, presences: Presences, limits: Limits, clock: Clock) -> None:
        self._upstream = upstream
        self._attach = attach
        self._presences = presences
        self._limits = limits
        self._clock = clock

    async def take(self, session: Session, frame: ClientFrame) -> None:
        """Do what the frame asks for, in the order of its fields. UNAUTHENTICATED ends the stream."""
        session.last_seen = self._clock.monotonic()
        if frame.taken:
            session.taken(frame.taken)
        if frame.sends and frame.retry_number >= session.retries:
            self._send(session, frame.sends)
        if frame.received or frame.reads or frame.typing:
            self._pass_on(session, frame)
        if frame.HasField("resume"):
            self._resume(session, frame)
        if frame.HasField("heartbeat"):
            self._heartbeat(session, frame.heartbeat.digest)
        if frame.access_token:
            await self._renew(session, frame.access_token)
        if frame.HasField("watch_presence"):
            await self._watch(session, frame)
        if frame.availability:
            session.push(frames.refused("availability", domain.not_yet("availability")))

    async def _renew(self, session: Session, token: str) -> None:
        """Take a fresh token. When nobody can confirm it now, the stream goes on with the present one until it ends."""
        try:
            await self._attach.renew(session, token)
        except MeshError as error:
            if error.code is Code.UNAUTHENTICATED:
                raise
            session.push(frames.refused("access_token", error))

    def _send(self, session: Session, sends: Iterable[Send]) -> None:
        requests: dict[str, LinkRequest] = defaultdict(LinkRequest)
        identity = session.identity
        for send in sends:
            try:
                owner = self._admit(session, send)
            except MeshError as error:
                session.push(frames.send_refused(send.conversation_id, send.client_message_id, error))
                continue
            requests[owner].sends.append(
                DeviceSend(ref=session.ref, user_id=identity.user_id, device_id=identity.device_id, send=send)
            )
        for owner, request in requests.items():
            for part in _parts(request):
                self._forward_sends(session, owner, part)

    def _admit(self, session: Session, send: Send) -> str:
        """The node that owns the conversation, if the session may have one more send unanswered."""
        if session.in_flight >= self._limits.in_flight:
            message = f"{self._limits.in_flight} sends wait for an answer"
            raise errors.exhausted(Reason.TOO_MANY_IN_FLIGHT, message, retry_after=0.1)
        owner = self._upstream.owner(send.conversation_id)
        session.in_flight += 1
        return owner

    def _forward_sends(self, session: Session, owner: str, request: LinkRequest) -> None:
        try:
            self._upstream.send(owner, request.SerializeToString())
        except MeshError as error:
            session.in_flight -= len(request.sends)
            for one in request.sends:
                session.push(frames.send_refused(one.send.conversation_id, one.send.client_message_id, error))

    def _pass_on(self, session: Session, frame: ClientFrame) -> None:
        """Hand marks and typing to the owners of their conversations. Best effort: they are said again."""
        requests: dict[str, LinkRequest] = defaultdict(LinkRequest)
        try:
            for mark in frame.received:
                requests[self._upstream.owner(mark.conversation_id)].received.append(_mark(session, mark))
            for mark in frame.reads:
                requests[self._upstream.owner(mark.conversation_id)].reads.append(_mark(session, mark))
            for typing in frame.typing:
                one = DeviceTyping(
                    user_id=session.identity.user_id, device_id=session.identity.device_id, typing=typing
                )
                requests[self._upstream.owner(typing.conversation_id)].typing.append(one)
            for owner, request in requests.items():
                self._upstream.send(owner, request.SerializeToString())
        except MeshError as error:
            session.push(frames.refused("reads" if frame.reads else "received", error))

    def _resume(self, session: Session, frame: ClientFrame) -> None:
        """Ask what the device missed. From now on entries are queued for it again."""
        session.resuming()
        resume = DeviceResume(ref=session.ref, user_id=session.identity.user_id, resume=frame.resume)
        request = LinkRequest(resumes=[resume])
        try:
            owner = self._upstream.owner(session.identity.user_id)
            self._upstream.send(owner, request.SerializeToString())
        except MeshError as error:
            session.push(frames.refused("resume", error))

    def _heartbeat(self, session: Session, digest: int) -> None:
        """Answer at once; when the digest does not match, a second answer follows."""
        session.push(frames.heartbeat(self._clock.now_ms()))
        if not digest:
            return
        asked = DeviceDigest(ref=session.ref, user_id=session.identity.user_id, digest=digest)
        try:
            owner = self._upstream.owner(session.identity.user_id)
            self._upstream.send(owner, LinkRequest(digests=[asked]).SerializeToString())
        except MeshError:
            return

    async def _watch(self, session: Session, frame: ClientFrame) -> None:
        try:
            await self._presences.watch(session, frame.watch_presence.user_ids)
        except MeshError as error:
            session.push(frames.refused("watch_presence", error))


def _parts(request: LinkRequest) -> Iterator[LinkRequest]:
    """The request, or one for each send when it is large: a link takes no more than a batch at once."""
    if request.ByteSize() <= MAX_BATCH_BYTES:
        yield request
        return
    for one in request.sends:
        yield LinkRequest(sends=[one])


def _mark(session: Session, mark: Mark) -> DeviceMark:
    return DeviceMark(
        ref=session.ref,
        user_id=session.identity.user_id,
        device_id=session.identity.device_id,
        conversation_id=mark.conversation_id,
        seq=mark.seq,
    )
