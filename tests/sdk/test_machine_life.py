"""How the state machine keeps its stream."""

from __future__ import annotations

import hashlib

from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import (
    Connected,
    Disconnected,
    Replaced,
    SignedOut,
    Stopped,
)
from parley_sdk.machine import Limits, SavedPlace
from parley_sdk.machine.connection import Phase
from tests.sdk.frames import numbers, push
from tests.sdk.model import DIRECT, GROUP, Device, entry, send

_Resumed = frame_pb2.Resumed


def _digest(**heads: int) -> int:
    weights = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in heads}
    return sum(seq * weights[name] for name, seq in heads.items()) % 2**64


class TestOpening:
    def test_first_frame(self) -> None:
        """The first frame says who speaks and where the device stands, the latest active conversation first."""
        device = Device()
        device.disk.places = {name: SavedPlace(name, seq) for name, seq in ((DIRECT, 3), (GROUP, 7))}
        device.boot()
        frame = device.start()
        assert (frame.hello.access_token, frame.hello.protocol_version, frame.hello.flow_window) == ("token", 1, 1_000)
        positions = [(position.conversation_id, position.seq) for position in frame.resume.positions]
        assert positions == [(GROUP, 7), (DIRECT, 3)]

    def test_nothing_is_written_before_welcome(self) -> None:
        """How many sends may be unanswered is not known before Welcome, so they wait."""
        device = Device()
        device.start()
        device.machine.send(send(1))
        assert device.said() == []
        device.welcome()
        assert numbers(device.said()) == [1]
        assert isinstance(device.events[0], Connected)

    def test_no_welcome(self) -> None:
        """A stream that does not open in time is given up, and another one is tried."""
        device = Device()
        device.start()
        device.pass_time(10.0)
        assert (len(device.closed), device.machine.phase) == (1, Phase.WAITING)
        device.pass_time(0.2)
        assert device.stream == 2

    def test_old_stream_is_not_heard(self, device: Device) -> None:
        """What an earlier stream still says after a new one was opened changes nothing."""
        device.lose()
        device.pass_time(1.0)
        device.hear(push(1), stream=1)
        device.machine.stream_ended(1, None, device.now)
        assert (device.seqs(), device.machine.phase) == ([], Phase.CONNECTING)


class TestLife:
    def test_backoff(self) -> None:
        """The delays before new tries are random below a bound that doubles up to 30 seconds."""
        device = Device(Limits(welcome_timeout=100.0))
        device.online()
        device.lose()
        bound, opened = 0.2, len(device.opened)
        for _ in range(12):
            device.pass_time(bound)
            opened += 1
            assert len(device.opened) == opened
            device.lose()
            bound = min(30.0, bound * 2)
        assert sum(isinstance(event, Disconnected) for event in device.events) == 1

    def test_retry_after(self, device: Device) -> None:
        """The client does not come back before the time that the server named."""
        device.lose(ParleyError(Code.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=7.0))
        device.pass_time(6.9)
        assert device.stream == 1
        device.pass_time(0.4)
        assert device.stream == 2

    def test_token_is_refused_once(self, device: Device) -> None:
        """A refused token is renewed at once; when the new one is refused too, the session is over."""
        device.lose(ParleyError(Code.UNAUTHENTICATED, "TOKEN_EXPIRED"))
        assert device.refreshes == 1
        device.machine.token_changed("new", 0, device.now)
        device.turn()
        assert device.opened[-1].hello.access_token == "new"
        device.lose(ParleyError(Code.UNAUTHENTICATED, "TOKEN_INVALID"))
        assert isinstance(device.events[-1], SignedOut)
        assert device.machine.phase is Phase.STOPPED

    def test_session_is_revoked(self, device: Device) -> None:
        """A session that was ended elsewhere is over at once."""
        device.lose(ParleyError(Code.UNAUTHENTICATED, "SESSION_REVOKED"))
        assert isinstance(device.events[-1], SignedOut)
        assert device.refreshes == 0

    def test_no_new_token(self, device: Device) -> None:
        """While the token cannot be renewed the client tries again; when it may not be, the session is over."""
        device.lose(ParleyError(Code.UNAUTHENTICATED, "TOKEN_EXPIRED"))
        device.machine.refresh_failed(ParleyError(Code.UNAVAILABLE), device.now)
        device.pass_time(1.0)
        assert device.refreshes == 2
        device.machine.refresh_failed(ParleyError(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"), device.now)
        device.turn()
        assert isinstance(device.events[-1], SignedOut)

    def test_token_is_renewed_in_time(self) -> None:
        """A minute before the token ends a new one is fetched and said on the stream."""
        device = Device()
        device.start()
        device.welcome(server_time_ms=5_000_000, token_expires_at_ms=5_600_000, heartbeat_interval_ms=600_000)
        device.pass_time(539.0)
        assert device.refreshes == 0
        device.pass_time(1.0)
        assert device.refreshes == 1
        device.machine.token_changed("new", 6_200_000, device.now)
        assert [frame.access_token for frame in device.said() if frame.access_token] == ["new"]
        device.pass_time(590.0)
        assert device.refreshes == 1

    def test_replaced(self, device: Device) -> None:
        """When another stream of this device took over, the client tells it and stays away."""
        device.hear(frame_pb2.ServerFrame(replaced=frame_pb2.Replaced(epoch=9)))
        device.lose(ParleyError(Code.ABORTED, "STREAM_REPLACED"))
        device.pass_time(100.0)
        assert device.events[-1] == Replaced(9)
        assert (device.machine.phase, device.stream) == (Phase.STOPPED, 1)

    def test_unknown_protocol(self, device: Device) -> None:
        """A server that does not speak the protocol is not tried again."""
        device.lose(ParleyError(Code.FAILED_PRECONDITION, "PROTOCOL_VERSION"))
        assert isinstance(device.events[-1], Stopped)
        assert device.machine.wake_at(writable=True) is None

    def test_a_bot_without_the_scopes(self, device: Device) -> None:
        """A token that does not allow the stream is not tried again: it never will."""
        device.lose(ParleyError(Code.PERMISSION_DENIED, "SCOPE_REQUIRED"))
        assert isinstance(device.events[-1], Stopped)
        assert device.machine.wake_at(writable=True) is None

    def test_drain(self, device: Device) -> None:
        """Asked to leave, the client moves to a new stream within the window, and sends go again there."""
        device.machine.send(send(1))
        device.said()
        device.hear(frame_pb2.ServerFrame(drain=frame_pb2.Drain(reconnect_within_ms=5_000)))
        device.pass_time(5.0)
        assert (device.stream, device.closed[0].stream) == (2, 1)
        device.welcome()
        assert numbers(device.said()) == [1]

    def test_lagging(self, device: Device) -> None:
        """When the server dropped its queue, the device resumes on the stream that there is, once at a time."""
        device.hear(push(1))
        device.hear(frame_pb2.ServerFrame(lagging=frame_pb2.Lagging(dropped=3)))
        device.hear(frame_pb2.ServerFrame(lagging=frame_pb2.Lagging(dropped=3)))
        (said,) = [frame for frame in device.said() if frame.HasField("resume")]
        assert [(position.conversation_id, position.seq) for position in said.resume.positions] == [(DIRECT, 1)]
        assert device.stream == 1

    def test_stale(self, device: Device) -> None:
        """A differing digest makes the device resume, but only when no entry came for two seconds."""
        stale = frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck(stale=True))
        device.hear(push(1))
        device.hear(stale)
        device.pass_time(1.9)
        device.hear(push(2))
        device.pass_time(1.9)
        assert not any(frame.HasField("resume") for frame in device.said())
        device.pass_time(0.2)
        assert any(frame.HasField("resume") for frame in device.said())

    def test_stale_in_a_busy_account(self, device: Device) -> None:
        """When entries never cease, a differing digest makes the device resume after half a minute all the same."""
        device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck(stale=True)))
        for seq in range(1, 31):
            assert not any(frame.HasField("resume") for frame in device.said())
            device.hear(push(seq))
            device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck()))
            device.pass_time(1.0)
        assert any(frame.HasField("resume") for frame in device.said())

    def test_resume_is_repeated(self, device: Device) -> None:
        """A Resume without an answer goes again."""
        device.hear(frame_pb2.ServerFrame(lagging=frame_pb2.Lagging()))
        device.said()
        for _ in range(2):
            device.pass_time(10.0)
            device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck()))
        assert any(frame.HasField("resume") for frame in device.said())

    def test_heartbeat(self, device: Device) -> None:
        """A heartbeat carries the digest of the positions, or none while something is known to be missing."""
        device.hear(push(1, 2))
        device.hear(frame_pb2.ServerFrame(entries=[entry(1, GROUP)]))
        device.pass_time(15.0)
        (frame,) = [frame for frame in device.said() if frame.HasField("heartbeat")]
        assert frame.heartbeat.digest == _digest(**{DIRECT: 2, GROUP: 1})
        device.hear(push(9))
        device.pass_time(15.0)
        (frame,) = [frame for frame in device.said() if frame.HasField("heartbeat")]
        assert frame.heartbeat.digest == 0

    def test_quiet(self) -> None:
        """While nothing happens the next heartbeat may wait for longer; what happens calls it back."""
        device = Device()
        device.start()
        device.welcome(quiet_interval_ms=60_000)
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(outcome=_Resumed.OUTCOME_RESUMED)))
        assert _beats(device, 15.0)
        assert not _beats(device, 59.9)
        assert _beats(device, 0.1)
        device.pass_time(20.0)
        device.hear(push(1))
        assert not _beats(device, 14.9)
        assert _beats(device, 0.2)
        device.machine.send(send(1))
        device.turn()
        assert not _beats(device, 14.9)
        assert _beats(device, 0.2)
        assert _beats(device, 15.1)

    def test_quiet_and_silent(self) -> None:
        """An answer to a heartbeat that does not come is noticed as soon as without the long pause before it."""
        device = Device()
        device.start()
        device.welcome(quiet_interval_ms=60_000)
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(outcome=_Resumed.OUTCOME_RESUMED)))
        assert _beats(device, 15.0)
        device.pass_time(60.0)
        device.pass_time(22.4)
        assert device.machine.phase is Phase.READY
        device.pass_time(0.2)
        assert device.closed[-1].stream == 1

    def test_silence(self, device: Device) -> None:
        """A server that gives no sign of life for two and a half intervals is given up."""
        device.pass_time(37.4)
        assert device.machine.phase is Phase.READY
        device.pass_time(0.2)
        assert device.closed[-1].stream == 1

    def test_stop(self, device: Device) -> None:
        """Going offline says what waits and good-bye."""
        device.hear(push(1))
        device.take()
        device.machine.stop(device.now)
        device.turn()
        last = device.closed[-1].last
        assert last is not None
        assert last.HasField("bye")


def _beats(device: Device, seconds: float) -> bool:
    """Whether the device says a heartbeat in this time; it is answered."""
    device.said()
    device.pass_time(seconds)
    said = any(frame.HasField("heartbeat") for frame in device.said())
    if said:
        device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck()))
    return said
