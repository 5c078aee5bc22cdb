"""Server frames as bytes. Frames are joined by concatenation, and wrapped once for each write."""

from collections.abc import Iterable, Sequence

from mesh import status, wire
from mesh.errors import MeshError
from parley.gateway.v1 import frame_pb2 as frame
from parley.gateway.v1.gateway_service_pb2 import ConnectResponse
from parley.message.v1.message_service_pb2 import Send
from svc_gateway.application.seeing import Presence
from svc_gateway.domain import Identity, Limits


def wrap(joined: bytes) -> bytes:
    """Joined server frames as one response of Connect or Subscribe: the field has the same number in both."""
    return wire.field(ConnectResponse.FRAME_FIELD_NUMBER, joined)


def welcome(identity: Identity, limits: Limits, now_ms: int, expires_at_ms: int, *, quiet: bool) -> bytes:
    """The stream is open; `quiet` says whether the device may be quiet for longer while nothing happens."""
    return frame.ServerFrame(
        welcome=frame.Welcome(
            user_id=identity.user_id,
            device_id=identity.device_id,
            epoch=identity.epoch,
            heartbeat_interval_ms=int(limits.heartbeat_s * 1_000),
            server_time_ms=now_ms,
            token_expires_at_ms=expires_at_ms,
            max_in_flight=limits.in_flight,
            quiet_interval_ms=int(limits.quiet_interval_s * 1_000) if quiet else 0,
        )
    ).SerializeToString()


def window(max_in_flight: int) -> bytes:
    """The device may have another number of sends unanswered."""
    return frame.ServerFrame(max_in_flight=max_in_flight).SerializeToString()


def lagging(dropped: int) -> bytes:
    """The device was too slow."""
    return frame.ServerFrame(lagging=frame.Lagging(dropped=dropped)).SerializeToString()


def drain(within_ms: int) -> bytes:
    """The gateway stops."""
    return frame.ServerFrame(drain=frame.Drain(reconnect_within_ms=within_ms)).SerializeToString()


def replaced(epoch: int) -> bytes:
    """A newer stream took over."""
    return frame.ServerFrame(replaced=frame.Replaced(epoch=epoch)).SerializeToString()


def heartbeat(now_ms: int) -> bytes:
    """Answer to a heartbeat."""
    return frame.ServerFrame(heartbeat=frame.HeartbeatAck(server_time_ms=now_ms)).SerializeToString()


def retry_unanswered(number: int) -> bytes:
    """Sends without an answer must be sent again."""
    return frame.ServerFrame(retry_unanswered=frame.RetryUnanswered(number=number)).SerializeToString()


def refused(field: str, error: MeshError, conversation_id: str = "") -> bytes:
    """Something in a client frame was refused."""
    refusal = frame.FrameError(field=field, conversation_id=conversation_id, error=status.in_frame(error))
    return frame.ServerFrame(errors=[refusal]).SerializeToString()


def sends_refused(sends: Iterable[Send], error: MeshError) -> bytes:
    """Sends that did not get to their message node."""
    answer, refusal = frame.ServerFrame(), status.in_frame(error)
    for send in sends:
        answer.results.add(
            conversation_id=send.conversation_id, client_message_id=send.client_message_id, error=refusal
        )
    return answer.SerializeToString()


def presences(given: Sequence[Presence]) -> bytes:
    """Who is online."""
    shown = [
        frame.Presence(
            user_id=one.user_id, availability=frame.Availability.ValueType(one.seen), last_seen_ms=one.seen_ms
        )
        for one in given
    ]
    return frame.ServerFrame(presence=shown).SerializeToString()
