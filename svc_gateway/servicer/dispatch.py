"""Client frames -> use cases: each kind of frame has its own few lines. Sends go to the links as they came."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from mesh import wire
from mesh.clock import Clock
from mesh.errors import Code, MeshError
from mesh.holds import Holds, behind
from mesh.link import MAX_BATCH_BYTES
from parley.gateway.v1.frame_pb2 import ClientFrame, Mark
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest
from parley.link.v1.link_service_pb2 import (
    DeviceMark,
    DeviceResume,
    DeviceSends,
    DeviceTyping,
    LinkRequest,
)
from parley.message.v1.message_service_pb2 import Send
from svc_gateway import domain
from svc_gateway.application.attach import Attach
from svc_gateway.application.comings import Comings
from svc_gateway.application.digests import Digests
from svc_gateway.application.presence import Presences
from svc_gateway.application.quiet import beat
from svc_gateway.application.session import Session
from svc_gateway.domain import Seen, Upstream
from svc_gateway.servicer import frames


class Dispatch:
    """Takes the frames of all sessions."""

    def __init__(
        self,
        upstream: Upstream,
        attach: Attach,
        presences: Presences,
        comings: Comings,
        digests: Digests,
        clock: Clock,
    ) -> None:
        self._upstream = upstream
        self._attach = attach
        self._presences = presences
        self._comings = comings
        self._clock = clock
        self._holds = Holds(clock)
        self._digests = digests

    async def take(self, session: Session, frame: ClientFrame) -> None:
        """Do what the frame asks for, in the order of its fields. UNAUTHENTICATED ends the stream."""
        self.pass_sends(session, frame)
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
            await self._be_seen(session, Seen(frame.availability))

    def beat(self, session: Session, frame: ClientFrame) -> None:
        """Do the same for a frame that holds a heartbeat and no more than numbers beside it."""
        self.pass_sends(session, frame)
        self._heartbeat(session, frame.heartbeat.digest)

    async def _renew(self, session: Session, token: str) -> None:
        """Take a fresh token. When nobody can confirm it now, the stream goes on with the present one until it ends."""
        try:
            await self._attach.renew(session, token)
        except MeshError as error:
            if error.code is Code.UNAUTHENTICATED:
                raise
            session.push(frames.refused("access_token", error))

    def pass_sends(self, session: Session, frame: ClientFrame, encoded: bytes = b"") -> None:
        """Hand on the sends of a frame. `encoded` is the ConnectRequest that it came in, if it has only plain texts."""
        session.last_seen = self._clock.monotonic()
        if frame.taken:
            session.taken(frame.taken)
        if frame.sends and frame.retry_number >= session.retries:
            if session.tell(frame.unanswered):
                session.push(frames.window(session.allowed))
            self._send(session, frame.sends, encoded)

    def _send(self, session: Session, sends: Sequence[Send], encoded: bytes) -> None:
        """Hand sends to the owners of their conversations, as they came if one owns all of them."""
        try:
            room = session.room(len(sends))
        except MeshError as error:
            self._refuse(session, sends, error)
            return
        by_owner: dict[str, list[Send]] = defaultdict(list)
        for send in sends:
            try:
                by_owner[self._admit(session, send, room)].append(send)
                room -= 1
            except MeshError as error:
                self._refuse(session, (send,), error)
        for owner, some in by_owner.items():
            session.let_in(len(some))
            whole = encoded if len(some) == len(sends) else b""
            self._forward(session, owner, some, whole or _frame_of(some), plain=bool(encoded))

    def _admit(self, session: Session, send: Send, room: int) -> str:
        """The node that owns the conversation, if the session may have one more send unanswered."""
        if self._holds.held and self._holds.blocks((session.ref, send.conversation_id), send.client_message_id):
            raise behind()
        if room <= 0:
            raise domain.too_many(session.in_flight)
        return self._upstream.owner(send.conversation_id)

    def _refuse(self, session: Session, sends: Sequence[Send], error: MeshError) -> None:
        """Answer sends with one error. What the device wrote behind them is refused too, until they come again."""
        for send in sends:
            self._holds.refused((session.ref, send.conversation_id), send.client_message_id)
        session.push(frames.sends_refused(sends, error))

    def _forward(self, session: Session, owner: str, sends: Sequence[Send], encoded: bytes, *, plain: bool) -> bool:
        """Hand over one frame, or halves of it when it is large: a link takes no more than a batch at once.

        Return whether the link took all of it; what it did not take is refused, and so is what stands behind it.
        """
        if len(encoded) > MAX_BATCH_BYTES and len(sends) > 1:
            half, rest = sends[: len(sends) // 2], sends[len(sends) // 2 :]
            if self._forward(session, owner, half, _frame_of(half), plain=plain):
                return self._forward(session, owner, rest, _frame_of(rest), plain=plain)
            session.settle(len(rest))
            self._refuse(session, rest, behind())
            return False
        try:
            whole = encoded + _author(session, plain=plain)
            self._upstream.send(owner, wire.field(LinkRequest.SENDS_FIELD_NUMBER, whole))
        except MeshError as error:
            session.settle(len(sends))
            self._refuse(session, sends, error)
            return False
        return True

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
        beat(session, digest)
        if digest:
            self._digests.add(session, digest)

    async def _be_seen(self, session: Session, seen: Seen) -> None:
        try:
            await self._comings.be_seen(session.identity.user_id, seen)
        except MeshError as error:
            session.push(frames.refused("availability", error))

    async def _watch(self, session: Session, frame: ClientFrame) -> None:
        try:
            await self._presences.watch(session, frame.watch_presence.user_ids)
        except MeshError as error:
            session.push(frames.refused("watch_presence", error))


def _frame_of(sends: Iterable[Send]) -> bytes:
    """A frame with these sends, as the beginning of DeviceSends."""
    return ConnectRequest(frame=ClientFrame(sends=sends)).SerializeToString()


def _author(session: Session, *, plain: bool) -> bytes:
    """Who sent the frame, as the end of DeviceSends."""
    one = session.identity
    return DeviceSends(ref=session.ref, user_id=one.user_id, device_id=one.device_id, plain=plain).SerializeToString()


def encode_digests(given: Sequence[tuple[Session, int]]) -> bytes:
    """The digests of sessions as one link request."""
    request = LinkRequest()
    for session, digest in given:
        request.digests.add(ref=session.ref, user_id=session.identity.user_id, digest=digest)
    return request.SerializeToString()


def _mark(session: Session, mark: Mark) -> DeviceMark:
    return DeviceMark(
        ref=session.ref,
        user_id=session.identity.user_id,
        device_id=session.identity.device_id,
        conversation_id=mark.conversation_id,
        seq=mark.seq,
    )
