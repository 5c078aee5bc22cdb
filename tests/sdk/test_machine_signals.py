"""Marks and signals of the state machine."""

from __future__ import annotations

from typing import Any

from parley.ai.v1 import reply_pb2
from parley.conversation.v1 import conversation_pb2
from parley.gateway.v1 import frame_pb2
from parley_sdk.events import (
    ReceiptChanged,
    ReplyPiece,
    ReplyState,
    TypingChanged,
)
from parley_sdk.machine import Limits
from tests.sdk.frames import push
from tests.sdk.model import DIRECT, ME, OTHER, Device, entry

_Resumed = frame_pb2.Resumed


class TestAvailability:
    def test_a_wish_is_said_until_the_server_has_it(self, device: Device) -> None:
        """How the user wants to be seen is said again on a new stream, unless a sign of life with it was answered:
        later another device may have said something else.
        """
        away = frame_pb2.AVAILABILITY_AWAY
        device.machine.set_availability(away)
        assert [frame.availability for frame in device.said()] == [away]
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        said = device.said()
        assert [(frame.availability, frame.HasField("heartbeat")) for frame in said if frame.availability] == [
            (away, True)
        ]
        device.hear(frame_pb2.ServerFrame(heartbeat=frame_pb2.HeartbeatAck()))
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        assert not [frame for frame in device.said() if frame.availability]


class TestMarks:
    def test_received_marks_are_joined(self, device: Device) -> None:
        """Of what was received only the furthest is said, after a moment, and how much the app took comes along."""
        device.hear(push(1, 2, 3))
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
        device.hear(push(1, 2))
        device.lose()
        device.pass_time(1.0)
        device.welcome()
        device.take()
        device.pass_time(0.1)
        assert [frame.taken for frame in device.said()] == [0]

    def test_read_marks(self, device: Device) -> None:
        """Only the furthest read mark is said, and again on each stream until the server confirms it."""
        device.hear(push(1, 2))
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
        device.hear(push(1, 2, 3))
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
        device.hear(push(1))
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
