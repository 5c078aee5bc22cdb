"""What becomes of sends in the state machine."""

from __future__ import annotations

import pytest

from parley.conversation.v1 import conversation_service_pb2
from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import (
    SendFailed,
)
from parley_sdk.machine import Limits
from parley_sdk.machine.actions import Sent
from tests.sdk.frames import answer, numbers, push, refusal, state
from tests.sdk.model import DIRECT, ME, Device, entry, send

_Resumed = frame_pb2.Resumed


class TestSends:
    def test_joined(self, device: Device) -> None:
        """All sends that wait go in one frame, no more than the contract allows and the server can have unanswered."""
        device.welcome(max_in_flight=70)
        for number in range(1, 101):
            device.machine.send(send(number))
        assert [len(frame.sends) for frame in device.said()] == [64, 6]
        device.hear(answer(1, 1))
        assert numbers(device.said()) == [71]

    def test_says_how_many_are_unanswered(self, device: Device) -> None:
        """Each frame with sends says how many have no answer, its own included; one without does not."""
        device.welcome(max_in_flight=70)
        for number in range(1, 68):
            device.machine.send(send(number))
        assert [frame.unanswered for frame in device.said()] == [64, 67]
        device.hear(answer(1, 1))
        device.hear(answer(2, 2))
        device.machine.send(send(68))
        assert [frame.unanswered for frame in device.said()] == [66]

    def test_another_window(self, device: Device) -> None:
        """A server may ask for fewer sends in flight, and later for more; a new stream begins with what it is told."""
        device.welcome(max_in_flight=4)
        for number in range(1, 20):
            device.machine.send(send(number))
        assert numbers(device.said()) == [1, 2, 3, 4]
        device.hear(frame_pb2.ServerFrame(max_in_flight=2))
        device.hear(answer(1, 1))
        device.hear(answer(2, 2))
        assert numbers(device.said()) == []
        device.hear(answer(3, 3))
        assert numbers(device.said()) == [5]
        device.hear(frame_pb2.ServerFrame(max_in_flight=5))
        assert numbers(device.said()) == [6, 7, 8]

    def test_large_texts(self, device: Device) -> None:
        """A frame stays well below what a server takes."""
        for number in range(1, 41):
            device.machine.send(send(number, "x" * 16_000))
        frames = device.said()
        assert numbers(frames) == list(range(1, 41))
        assert max(frame.ByteSize() for frame in frames) < 300_000

    def test_own_entry(self, device: Device) -> None:
        """The answer to a send brings the own entry to its place between those of others, once."""
        device.machine.send(send(1, "mine"))
        device.said()
        device.hear(push(1, 3))
        device.hear(answer(1, 2))
        device.hear(answer(1, 2))
        assert device.seqs() == [1, 2, 3]
        assert (device.handed[1].sender_id, device.handed[1].content.post.body.text.text) == (ME, "mine")
        assert device.settled[1] == Sent(DIRECT, 1, 2, 0, duplicate=False)
        assert not device.disk.sends

    def test_survives_a_restart(self, device: Device) -> None:
        """Sends without an answer go again after a restart, in order and with the same numbers."""
        for number in (1, 2, 3):
            device.machine.send(send(number))
        device.said()
        device.hear(answer(2, 1))
        device.boot()
        device.online()
        assert numbers(device.said()) == [1, 3]

    def test_no_answer(self, device: Device) -> None:
        """Sends without an answer for 10 seconds go again, in order."""
        device.machine.send(send(1))
        device.said()
        device.pass_time(5.0)
        device.machine.send(send(2))
        assert numbers(device.said()) == [2]
        device.pass_time(5.0)
        assert numbers(device.said()) == [1, 2]

    def test_retry_unanswered(self, device: Device) -> None:
        """When the server does not know what became of sends, those without an answer go again."""
        for number in (1, 2, 3):
            device.machine.send(send(number))
        device.said()
        device.hear(answer(1, 1))
        device.hear(frame_pb2.ServerFrame(retry_unanswered=frame_pb2.RetryUnanswered()))
        assert numbers(device.said()) == [2, 3]

    def test_refused_for_good(self, device: Device) -> None:
        """A refusal that will stay one is told and leaves the outbox."""
        device.machine.send(send(1))
        device.said()
        device.hear(refusal(1, Code.FAILED_PRECONDITION, "MUTED"))
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
        device.hear(refusal(1, Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after_ms=2_000))
        device.hear(refusal(2, Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after_ms=2_000))
        device.machine.send(send(3))
        device.pass_time(1.9)
        assert numbers(device.said()) == []
        device.pass_time(0.2)
        assert numbers(device.said()) == [1, 2, 3]

    def test_mistake_of_the_server(self, device: Device) -> None:
        """A send that the server fails on for unknown reasons is tried three times."""
        device.machine.send(send(1))
        for _ in range(3):
            assert numbers(device.said()) == [1]
            device.hear(refusal(1, Code.INTERNAL, "INTERNAL"))
            device.pass_time(2.0)
        assert 1 in device.settled

    def test_full_outbox(self) -> None:
        """An outbox that holds as much as it may takes nothing more."""
        device = Device(Limits(outbox=1))
        device.machine.send(send(1))
        with pytest.raises(ParleyError, match="OUTBOX_FULL"):
            device.machine.send(send(2))


class TestReplacedTexts:
    def test_the_entry_is_read_and_shown_in_its_place(self, device: Device) -> None:
        """When another text stands there than was sent, that one is shown, and what comes after it waits for it."""
        device.machine.send(send(1, "damn"))
        device.said()
        result = frame_pb2.SendResult(conversation_id=DIRECT, client_message_id=1, seq=1, replaced=True)
        device.hear(frame_pb2.ServerFrame(results=[result]))
        device.hear(push(2))
        assert device.seqs() == []
        outcome = device.settled[1]
        assert isinstance(outcome, Sent)
        assert (outcome.seq, outcome.replaced) == (1, True)
        device.pass_time(0.1)
        assert [position.conversation_id for position in device.pulls[0].positions] == [DIRECT]
        page = conversation_service_pb2.SyncResponse(entries=[entry(1), entry(2)], states=[state(DIRECT, 2)])
        device.machine.pulled(page, device.now)
        device.turn()
        assert device.seqs() == [1, 2]
        assert [one.content.post.body.text.text for one in device.handed] == ["entry 1", "entry 2"]
