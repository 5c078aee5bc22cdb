"""What the state machine does about each thing that a server may say."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from parley.ai.v1 import reply_pb2
from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.error.v1 import error_pb2
from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import (
    Connected,
    ConversationReset,
    Disconnected,
    HistorySkipped,
    ReceiptChanged,
    Replaced,
    ReplyPiece,
    ReplyState,
    SendFailed,
    SignedOut,
    Stopped,
    Synced,
    TypingChanged,
)
from parley_sdk.machine import Limits, Saved, SavedPlace
from parley_sdk.machine.actions import Sent
from parley_sdk.machine.connection import Phase
from tests.sdk.model import DIRECT, GROUP, ME, OTHER, Device, entry, send

_Resumed = frame_pb2.Resumed


@pytest.fixture
def device() -> Device:
    device = Device()
    device.online()
    return device


def _state(conversation_id: str, head: int, first: int = 1) -> conversation_pb2.ConversationState:
    return conversation_pb2.ConversationState(conversation_id=conversation_id, head_seq=head, first_seq=first)


def _push(*seqs: int) -> frame_pb2.ServerFrame:
    return frame_pb2.ServerFrame(entries=[entry(seq) for seq in seqs])


def _answer(number: int, seq: int) -> frame_pb2.ServerFrame:
    result = frame_pb2.SendResult(conversation_id=DIRECT, client_message_id=number, seq=seq)
    return frame_pb2.ServerFrame(results=[result])


def _refusal(number: int, code: Code, reason: str, retry_after_ms: int = 0) -> frame_pb2.ServerFrame:
    error = error_pb2.Error(code=code, reason=reason, retry_after_ms=retry_after_ms)
    return frame_pb2.ServerFrame(results=[frame_pb2.SendResult(client_message_id=number, error=error)])


def _numbers(frames: list[frame_pb2.ClientFrame]) -> list[int]:
    return [wanted.client_message_id for frame in frames for wanted in frame.sends]


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
        assert _numbers(device.said()) == [1]
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
        device.hear(_push(1), stream=1)
        device.machine.stream_ended(1, None, device.now)
        assert (device.seqs(), device.machine.phase) == ([], Phase.CONNECTING)


class TestEntries:
    def test_order(self, device: Device) -> None:
        """Entries that overtake one another are handed over in order, repeated ones once."""
        for seqs in ((2,), (1, 2), (4, 3), (1,)):
            device.hear(_push(*seqs))
        assert device.seqs() == [1, 2, 3, 4]

    def test_gap_is_pulled_after_a_moment(self, device: Device) -> None:
        """An entry that skips some waits for them 0.2 s, then they are pulled."""
        device.hear(_push(1))
        device.hear(_push(4))
        assert not device.pulls
        device.pass_time(0.2)
        assert [(position.conversation_id, position.seq) for position in device.pulls[0].positions] == [(DIRECT, 1)]
        response = conversation_service_pb2.SyncResponse(
            entries=[entry(2), entry(3), entry(4)], states=[_state(DIRECT, 4)]
        )
        device.machine.pulled(response, device.now)
        device.turn()
        assert device.seqs() == [1, 2, 3, 4]

    def test_pull_goes_on_while_there_is_more(self, device: Device) -> None:
        """An answer with `remaining` is followed by a pull from there."""
        device.hear(
            frame_pb2.ServerFrame(resumed=_Resumed(outcome=_Resumed.OUTCOME_PARTIAL, states=[_state(DIRECT, 4)]))
        )
        device.pulls.clear()
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(
                entries=[entry(1), entry(2)],
                remaining=[conversation_pb2.Position(conversation_id=DIRECT, seq=2)],
                states=[_state(DIRECT, 4)],
            ),
            device.now,
        )
        device.turn()
        assert [position.seq for position in device.pulls[0].positions] == [2]
        assert device.seqs() == [1, 2]

    def test_what_sync_leaves_out_does_not_come(self, device: Device) -> None:
        """Entries that are hidden from the user are no gap: the log between two answers of Sync is complete."""
        device.hear(_push(5))
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(entries=[entry(2), entry(5)], states=[_state(DIRECT, 6)]), device.now
        )
        device.turn()
        device.hear(_push(7))
        assert device.seqs() == [2, 5, 7]

    def test_cut_log(self, device: Device) -> None:
        """When the log begins later than the device stands, it goes on there and says so."""
        device.hear(_push(1))
        device.hear(frame_pb2.ServerFrame(entries=[entry(9)], resumed=_Resumed(states=[_state(DIRECT, 9, first=9)])))
        assert device.seqs() == [1, 9]
        assert HistorySkipped(DIRECT, 9) in device.events

    def test_backlog(self) -> None:
        """A conversation that the device meets for the first time begins near its end."""
        device = Device(Limits(backlog=10))
        device.online((_state(DIRECT, 500),))
        assert [position.seq for position in device.pulls[0].positions] == [490]

    def test_failed_pull_is_repeated(self, device: Device) -> None:
        """A pull that fails is tried again, later each time and not before the server wants it."""
        device.hear(_push(3))
        device.pulls.clear()
        device.machine.pull_failed(ParleyError(Code.UNAVAILABLE, retry_after=3.0), device.now)
        device.pass_time(2.9)
        assert not device.pulls
        device.pass_time(0.2)
        assert device.pulls

    def test_conversation_that_is_gone(self, device: Device) -> None:
        """When a pull of several names one that the server does not know, only that one is forgotten."""
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(states=[_state(DIRECT, 2), _state(GROUP, 2)])))
        device.machine.pull_failed(ParleyError(Code.NOT_FOUND, "CONVERSATION_NOT_FOUND"), device.now)
        device.pulls.clear()
        device.pass_time(0.4)
        (asked,) = device.pulls[0].positions
        device.pulls.clear()
        device.machine.pull_failed(ParleyError(Code.NOT_FOUND, "CONVERSATION_NOT_FOUND"), device.now)
        device.turn()
        assert {asked.conversation_id, device.pulls[0].positions[0].conversation_id} == {DIRECT, GROUP}
        assert asked.conversation_id not in device.disk.places

    def test_reset(self, device: Device) -> None:
        """A conversation that the server resets is told to the app and read anew."""
        device.hear(_push(1, 2))
        device.hear(
            frame_pb2.ServerFrame(
                resumed=_Resumed(
                    outcome=_Resumed.OUTCOME_RESET,
                    reset_conversation_ids=[DIRECT],
                    states=[_state(DIRECT, 1)],
                    reset_reason="log is shorter",
                )
            )
        )
        assert ConversationReset(DIRECT, "log is shorter") in device.events
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(entries=[entry(1)], states=[_state(DIRECT, 1)]), device.now
        )
        device.turn()
        assert device.seqs() == [1, 2, 1]
        assert device.disk.places[DIRECT].seq == 1

    def test_position_is_kept_after_the_app_has_it(self, device: Device) -> None:
        """What the app did not take yet is not counted as handed over, whatever else is kept meanwhile."""
        device.hear(_push(1, 2, 3))
        device.take(1)
        device.machine.mark_read(DIRECT, 1)
        device.turn()
        assert device.disk.places[DIRECT].seq == 1

    def test_slow_app(self) -> None:
        """While the app is behind, nothing more is pulled for it and memory stays bounded; then all comes."""
        device = Device(Limits(queue=8))
        device.online()
        for seq in range(1, 21):
            device.hear(_push(seq))
        assert len(device.queue) == 8
        assert not device.pulls
        device.take()
        assert [position.seq for position in device.pulls[0].positions] == [8]

    def test_synced(self) -> None:
        """The app learns when all that it missed stands before it."""
        device = Device()
        device.online((_state(DIRECT, 1),))
        assert Synced() not in device.events
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(entries=[entry(1)], states=[_state(DIRECT, 1)]), device.now
        )
        device.turn()
        assert device.events[-1] == Synced()

    def test_incomplete_resume(self, device: Device) -> None:
        """When not all states fit into Resumed, they are listed."""
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(incomplete=True)))
        assert device.lists == 1
        device.machine.listed([_state(GROUP, 3)], device.now)
        device.turn()
        assert device.pulls[0].positions[0].conversation_id == GROUP


class TestSends:
    def test_joined(self, device: Device) -> None:
        """All sends that wait go in one frame, no more than the contract allows and the server can have unanswered."""
        device.welcome(max_in_flight=70)
        for number in range(1, 101):
            device.machine.send(send(number))
        assert [len(frame.sends) for frame in device.said()] == [64, 6]
        device.hear(_answer(1, 1))
        assert _numbers(device.said()) == [71]

    def test_large_texts(self, device: Device) -> None:
        """A frame stays well below what a server takes."""
        for number in range(1, 41):
            device.machine.send(send(number, "x" * 16_000))
        frames = device.said()
        assert _numbers(frames) == list(range(1, 41))
        assert max(frame.ByteSize() for frame in frames) < 300_000

    def test_own_entry(self, device: Device) -> None:
        """The answer to a send brings the own entry to its place between those of others, once."""
        device.machine.send(send(1, "mine"))
        device.said()
        device.hear(_push(1, 3))
        device.hear(_answer(1, 2))
        device.hear(_answer(1, 2))
        assert device.seqs() == [1, 2, 3]
        assert (device.handed[1].sender_id, device.handed[1].content.post.body.text.text) == (ME, "mine")
        assert device.settled[1] == Sent(DIRECT, 1, 2, 0, duplicate=False)
        assert not device.disk.sends

    def test_survives_a_restart(self, device: Device) -> None:
        """Sends without an answer go again after a restart, in order and with the same numbers."""
        for number in (1, 2, 3):
            device.machine.send(send(number))
        device.said()
        device.hear(_answer(2, 1))
        device.boot()
        device.online()
        assert _numbers(device.said()) == [1, 3]

    def test_no_answer(self, device: Device) -> None:
        """Sends without an answer for 10 seconds go again, in order."""
        device.machine.send(send(1))
        device.said()
        device.pass_time(5.0)
        device.machine.send(send(2))
        assert _numbers(device.said()) == [2]
        device.pass_time(5.0)
        assert _numbers(device.said()) == [1, 2]

    def test_retry_unanswered(self, device: Device) -> None:
        """When the server does not know what became of sends, those without an answer go again."""
        for number in (1, 2, 3):
            device.machine.send(send(number))
        device.said()
        device.hear(_answer(1, 1))
        device.hear(frame_pb2.ServerFrame(retry_unanswered=frame_pb2.RetryUnanswered()))
        assert _numbers(device.said()) == [2, 3]

    def test_refused_for_good(self, device: Device) -> None:
        """A refusal that will stay one is told and leaves the outbox."""
        device.machine.send(send(1))
        device.said()
        device.hear(_refusal(1, Code.FAILED_PRECONDITION, "MUTED"))
        outcome = device.settled[1]
        assert isinstance(outcome, ParleyError)
        assert outcome.reason == "MUTED"
        assert isinstance(device.events[-1], SendFailed)
        assert not device.disk.sends

    def test_refused_for_now(self, device: Device) -> None:
        """A refusal that may pass holds all sends back for the time named, then they go in order."""
        for number in (1, 2):
            device.machine.send(send(number))
        device.said()
        device.hear(_refusal(1, Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after_ms=2_000))
        device.hear(_refusal(2, Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after_ms=2_000))
        device.machine.send(send(3))
        device.pass_time(1.9)
        assert _numbers(device.said()) == []
        device.pass_time(0.2)
        assert _numbers(device.said()) == [1, 2, 3]

    def test_mistake_of_the_server(self, device: Device) -> None:
        """A send that the server fails on for unknown reasons is tried three times."""
        device.machine.send(send(1))
        for _ in range(3):
            assert _numbers(device.said()) == [1]
            device.hear(_refusal(1, Code.INTERNAL, "INTERNAL"))
            device.pass_time(2.0)
        assert 1 in device.settled

    def test_full_outbox(self) -> None:
        """An outbox that holds as much as it may takes nothing more."""
        device = Device(Limits(outbox=1))
        device.machine.send(send(1))
        with pytest.raises(ParleyError, match="OUTBOX_FULL"):
            device.machine.send(send(2))


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

    def test_drain(self, device: Device) -> None:
        """Asked to leave, the client moves to a new stream within the window, and sends go again there."""
        device.machine.send(send(1))
        device.said()
        device.hear(frame_pb2.ServerFrame(drain=frame_pb2.Drain(reconnect_within_ms=5_000)))
        device.pass_time(5.0)
        assert (device.stream, device.closed[0].stream) == (2, 1)
        device.welcome()
        assert _numbers(device.said()) == [1]

    def test_lagging(self, device: Device) -> None:
        """When the server dropped its queue, the device resumes on the stream that there is, once at a time."""
        device.hear(_push(1))
        device.hear(frame_pb2.ServerFrame(lagging=frame_pb2.Lagging(dropped=3)))
        device.hear(frame_pb2.ServerFrame(lagging=frame_pb2.Lagging(dropped=3)))
        (said,) = [frame for frame in device.said() if frame.HasField("resume")]
        assert [(position.conversation_id, position.seq) for position in said.resume.positions] == [(DIRECT, 1)]
        assert device.stream == 1

    def test_stale(self, device: Device) -> None:
        """A differing digest makes the device resume, but only when no entry came for two seconds."""
        stale = frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck(stale=True))
        device.hear(_push(1))
        device.hear(stale)
        device.pass_time(1.9)
        device.hear(_push(2))
        device.pass_time(1.9)
        assert not any(frame.HasField("resume") for frame in device.said())
        device.pass_time(0.2)
        assert any(frame.HasField("resume") for frame in device.said())

    def test_no_longer_stale(self, device: Device) -> None:
        """When the next comparison is good, nothing was lost."""
        device.hear(_push(1))
        device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck(stale=True)))
        device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck(stale=False)))
        device.pass_time(5.0)
        assert not any(frame.HasField("resume") for frame in device.said())

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
        device.hear(_push(1, 2))
        device.hear(frame_pb2.ServerFrame(entries=[entry(1, GROUP)]))
        device.pass_time(15.0)
        (frame,) = [frame for frame in device.said() if frame.HasField("heartbeat")]
        assert frame.heartbeat.digest == _digest(**{DIRECT: 2, GROUP: 1})
        device.hear(_push(9))
        device.pass_time(15.0)
        (frame,) = [frame for frame in device.said() if frame.HasField("heartbeat")]
        assert frame.heartbeat.digest == 0

    def test_silence(self, device: Device) -> None:
        """A server that gives no sign of life for two and a half intervals is given up."""
        device.pass_time(37.4)
        assert device.machine.phase is Phase.READY
        device.pass_time(0.2)
        assert device.closed[-1].stream == 1

    def test_stop(self, device: Device) -> None:
        """Going offline says what waits and good-bye."""
        device.hear(_push(1))
        device.take()
        device.machine.stop(device.now)
        device.turn()
        last = device.closed[-1].last
        assert last is not None
        assert last.HasField("bye")


class TestMarks:
    def test_received_marks_are_joined(self, device: Device) -> None:
        """Of what was received only the furthest is said, after a moment, and how much the app took comes along."""
        device.hear(_push(1, 2, 3))
        device.take()
        assert device.said() == []
        device.pass_time(0.1)
        (frame,) = device.said()
        assert [(mark.conversation_id, mark.seq) for mark in frame.received] == [(DIRECT, 3)]
        assert frame.taken == 3

    def test_window_opens(self) -> None:
        """A quarter of the window is said to be taken even when nothing else is to be said; repeats count too."""
        device = Device(Limits(flow_window=8))
        device.online()
        device.hear(frame_pb2.ServerFrame(entries=[entry(1, ME), entry(1, ME)]))
        device.take()
        (frame,) = device.said()
        assert (frame.taken, len(frame.received)) == (2, 0)

    def test_taken_begins_anew(self, device: Device) -> None:
        """What an earlier stream pushed does not count on the next one."""
        device.hear(_push(1, 2))
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        device.take()
        device.pass_time(0.1)
        assert [frame.taken for frame in device.said()] == [0]

    def test_read_marks(self, device: Device) -> None:
        """Only the furthest read mark is said, and again on each stream until the server confirms it."""
        device.hear(_push(1, 2))
        device.machine.mark_read(DIRECT, 1)
        device.machine.mark_read(DIRECT, 2)
        device.machine.mark_read(DIRECT, 1)
        assert [(mark.conversation_id, mark.seq) for frame in device.said() for mark in frame.reads] == [(DIRECT, 2)]
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        assert [mark.seq for frame in device.said() for mark in frame.reads] == [2]
        state = conversation_pb2.ConversationState(conversation_id=DIRECT, head_seq=2, read_seq=2)
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(states=[state])))
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        assert not any(frame.reads for frame in device.said())
        assert not any(isinstance(event, ReceiptChanged) for event in device.events)

    def test_receipts(self, device: Device) -> None:
        """What others read is told, also when it was missed; what oneself read elsewhere too."""
        device.hear(_push(1, 2, 3))
        receipts = [
            conversation_pb2.Receipt(conversation_id=DIRECT, user_id=OTHER, read_seq=1, received_seq=2),
            conversation_pb2.Receipt(conversation_id=DIRECT, user_id=ME, read_seq=2),
        ]
        device.hear(frame_pb2.ServerFrame(receipts=receipts))
        state = conversation_pb2.ConversationState(conversation_id=DIRECT, head_seq=3, read_seq=2, peer_read_seq=3)
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(states=[state])))
        assert [event for event in device.events if isinstance(event, ReceiptChanged)] == [
            ReceiptChanged(DIRECT, OTHER, 1, 2),
            ReceiptChanged(DIRECT, ME, 2, 0),
            ReceiptChanged(DIRECT, OTHER, 3, 0),
        ]


class TestSignals:
    def test_typing(self, device: Device) -> None:
        """Someone types from the first sign until a post, a stop, or six seconds without another sign."""
        sign = frame_pb2.Typing(conversation_id=DIRECT, user_id=OTHER)
        device.hear(frame_pb2.ServerFrame(typing=[sign]))
        device.hear(_push(1))
        device.hear(frame_pb2.ServerFrame(typing=[sign]))
        device.pass_time(4.0)
        device.hear(frame_pb2.ServerFrame(typing=[sign]))
        device.pass_time(5.9)
        changes = [event.typing for event in device.events if isinstance(event, TypingChanged)]
        assert changes == [True, False, True]
        device.pass_time(0.2)
        assert device.events[-1] == TypingChanged(DIRECT, OTHER, typing=False)

    def test_own_typing(self, device: Device) -> None:
        """However often the app says it, it goes out at most each 3 seconds, and a stop once."""
        signs: list[frame_pb2.Typing] = []
        for seconds in (1.0, 1.0, 1.5, 0.1):
            device.machine.typing(DIRECT, device.now, stopped=False)
            signs += [sign for frame in device.said() for sign in frame.typing]
            device.pass_time(seconds)
        for _ in range(2):
            device.machine.typing(DIRECT, device.now, stopped=True)
            signs += [sign for frame in device.said() for sign in frame.typing]
        assert [sign.stopped for sign in signs] == [False, False, True]

    def test_presence_is_watched_on_each_stream(self, device: Device) -> None:
        """Whom to watch is said again after a reconnect, and an empty list too."""
        device.machine.watch_presence([OTHER])
        assert [list(frame.watch_presence.user_ids) for frame in device.said()] == [[OTHER]]
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        assert [list(frame.watch_presence.user_ids) for frame in device.said()] == [[OTHER]]

    def test_reply(self, device: Device) -> None:
        """An answer grows by its deltas, in spite of repeated and lost ones, until it is an entry."""
        steps: list[dict[str, Any]] = [
            {"open": reply_pb2.ReplyOpen(assistant_id=OTHER, in_reply_to_seq=1)},
            {"delta": reply_pb2.ReplyDelta(offset=0, text="Grüße ")},
            {"delta": reply_pb2.ReplyDelta(offset=3, text="ße , du")},
            {"delta": reply_pb2.ReplyDelta(offset=30, text="lost before")},
            {"snapshot": reply_pb2.ReplySnapshot(text="Grüße, du da")},
            {"finish": reply_pb2.ReplyFinish(entry_seq=2, finish_reason=reply_pb2.FINISH_REASON_STOP)},
        ]
        for number, step in enumerate(steps, 1):
            event = reply_pb2.ReplyEvent(reply_id="r1", conversation_id=DIRECT, step=number, **step)
            device.hear(frame_pb2.ServerFrame(replies=[event, event]))
        pieces = [event for event in device.events if isinstance(event, ReplyPiece)]
        assert [piece.text for piece in pieces][1:5] == ["Grüße ", "Grüße , du", "Grüße , du", "Grüße, du da"]
        assert [piece.delta for piece in pieces][:4] == ["", "Grüße ", ", du", ""]
        assert (len(pieces), pieces[-1].state, pieces[-1].entry_seq) == (6, ReplyState.FINISHED, 2)


def test_saved_state_is_plain() -> None:
    """A state machine starts from values that any store can keep."""
    assert Saved() == Saved((), (), user_id="")
