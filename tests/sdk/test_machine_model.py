"""The state machine against a model of the server and a network that loses, repeats, reorders and breaks."""

from __future__ import annotations

from collections import deque
from typing import Final

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.machine import Limits
from parley_sdk.machine.connection import Phase
from tests.sdk.model import DIRECT, GROUP, ME, OTHER, Device, Log, send, text, welcome

_CONVERSATIONS: Final = strategies.sampled_from([DIRECT, GROUP, ME])
_WRITABLE: Final = strategies.sampled_from([DIRECT, GROUP])
_LIMITS: Final = Limits(flow_window=8, queue=24, backlog=1_000, frame_sends=4)


class Network(RuleBasedStateMachine):
    """Whatever the network does, the app is handed each entry once, in order, and sends are written once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.device = Device(_LIMITS)
        self.down: deque[frame_pb2.ServerFrame] = deque()
        self.up: deque[frame_pb2.ClientFrame] = deque()
        self.number = 0
        self.made: list[int] = []
        self.retries = 0
        """How often the server asked to send again: it takes no sends that were written before that was heard."""

    @initialize(written=strategies.integers(0, 12))
    def history(self, written: int) -> None:
        for _ in range(written):
            self.log.append(DIRECT, OTHER, text("before"))
        self.device.start()
        self.up.extend(self.device.opened[-1:])

    # The others and the app.

    @rule(conversation_id=_CONVERSATIONS, pushed=strategies.booleans())
    def other_writes(self, conversation_id: str, pushed: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        appended = self.log.append(conversation_id, OTHER, text("from the other"))
        if pushed:
            self.down.append(frame_pb2.ServerFrame(entries=[appended]))

    @rule(conversation_id=_WRITABLE, count=strategies.integers(1, 6))
    def app_sends(self, conversation_id: str, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.made.append(self.number)
            self.device.machine.send(send(self.number, f"number {self.number}", conversation_id))
        self.device.turn()

    @rule(count=strategies.integers(1, 10))
    def app_takes(self, count: int) -> None:
        self.device.take(count)

    # The device and the server talk.

    @rule()
    def device_writes(self) -> None:
        self.up.extend(self.device.said())

    @precondition(lambda self: self.up)
    @rule()
    def server_hears(self) -> None:
        self.down.append(self._answer(self.up.popleft()))

    @precondition(lambda self: self.down)
    @rule(index=strategies.integers(0, 5))
    def device_hears(self, index: int) -> None:
        """Not always the oldest frame first."""
        index = min(index, len(self.down) - 1)
        frame = self.down[index]
        del self.down[index]
        self.device.hear(frame)

    @precondition(lambda self: self.device.pulls)
    @rule(limit=strategies.integers(1, 5), works=strategies.booleans())
    def pull_is_answered(self, limit: int, works: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        pull = self.device.pulls.popleft()
        if works:
            self.device.machine.pulled(self.log.sync(pull.positions, limit), self.device.now)
        else:
            self.device.machine.pull_failed(ParleyError(Code.UNAVAILABLE), self.device.now)
        self.device.turn()

    @rule(limit=strategies.integers(1, 5))
    def all_is_well(self, limit: int) -> None:
        """For a moment: the device reconnects if it must, all that was said arrives, and some of what was missed."""
        self.time_passes(0.5)
        self._talk()
        if self.device.pulls:
            self.pull_is_answered(limit, works=True)

    @rule(seconds=strategies.sampled_from([0.05, 0.3, 2.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.device.pass_time(seconds)
        self._reconnected()

    # What goes wrong.

    @precondition(lambda self: self.down)
    @rule()
    def push_is_lost(self) -> None:
        """Only entries may be lost on an open stream; the broker loses them, not the connection."""
        for frame in list(self.down):
            if frame.entries and not frame.results and not frame.HasField("welcome") and not frame.HasField("resumed"):
                self.down.remove(frame)
                return

    @precondition(lambda self: self.down)
    @rule()
    def push_is_repeated(self) -> None:
        self.down.append(frame_pb2.ServerFrame(entries=self.down[0].entries))

    @rule(happens=strategies.sampled_from(["retry", "lagging", "break", "crash"]))
    def disaster(self, happens: str) -> None:
        match happens:
            case "retry":
                self.up.clear()
                self.retries += 1
                retry = frame_pb2.RetryUnanswered(number=self.retries)
                self.down.append(frame_pb2.ServerFrame(retry_unanswered=retry))
            case "lagging":
                self.down = deque(frame for frame in self.down if not frame.entries)
                self.down.append(frame_pb2.ServerFrame(lagging=frame_pb2.Lagging()))
            case "break":
                self.device.lose()
                self._begin_anew()
            case "crash":
                self.device.boot()
                self.device.start()
                self._begin_anew()

    # What must hold.

    @invariant()
    def each_once_and_in_order(self) -> None:
        for conversation_id, entries in self.log.entries.items():
            got = [handed.seq for handed in self.device.handed if handed.conversation_id == conversation_id]
            assert got == list(range(1, len(got) + 1))
            assert [handed.content for handed in self.device.handed if handed.conversation_id == conversation_id] == [
                known.content for known in entries[: len(got)]
            ]

    @invariant()
    def sends_are_written_once_and_in_order(self) -> None:
        for conversation_id in (DIRECT, GROUP):
            own = [
                known.client_message_id for known in self.log.entries.get(conversation_id, []) if known.sender_id == ME
            ]
            assert own == sorted(set(own))

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.device.queue) <= _LIMITS.queue + 5

    def teardown(self) -> None:
        """When the network is good again, everything arrives."""
        self.device.lose()
        self._begin_anew()
        for _ in range(400):
            if self._quiet():
                break
            self.all_is_well(5)
            self.device.take()
        self.each_once_and_in_order()
        self.sends_are_written_once_and_in_order()
        for conversation_id, entries in self.log.entries.items():
            assert self.device.seqs(conversation_id) == list(range(1, len(entries) + 1))
        assert self.device.machine.unanswered == 0
        assert set(self.log.numbers) == set(self.made)

    def _talk(self) -> None:
        self.up.extend(self.device.said())
        while self.up:
            self.down.append(self._answer(self.up.popleft()))
        while self.down:
            self.device.hear(self.down.popleft())

    def _quiet(self) -> bool:
        heads = {name: len(entries) for name, entries in self.log.entries.items()}
        handed = {name: len(self.device.seqs(name)) for name in heads}
        ready = self.device.machine.phase is Phase.READY
        return ready and heads == handed and not self.device.machine.unanswered

    def _reconnected(self) -> None:
        if len(self.device.opened) > self._seen_streams:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """What was on its way is gone with the stream; a new one begins with its first frame."""
        self.up.clear()
        self.down.clear()
        self.retries = 0
        if len(self.device.opened) > self._seen_streams:
            self.up.append(self.device.opened[-1])
        self._seen_streams = len(self.device.opened)

    _seen_streams = 1

    def _answer(self, frame: frame_pb2.ClientFrame) -> frame_pb2.ServerFrame:
        answer = frame_pb2.ServerFrame()
        if frame.HasField("hello"):
            answer.welcome.CopyFrom(welcome(max_in_flight=6, heartbeat_interval_ms=4_000))
        if frame.retry_number >= self.retries:
            answer.results.extend(self.log.accept(wanted) for wanted in frame.sends)
        if frame.HasField("heartbeat"):
            answer.heartbeat.SetInParent()
        if frame.HasField("resume"):
            answer.resumed.outcome = frame_pb2.Resumed.OUTCOME_PARTIAL
            answer.resumed.states.extend(self.log.states())
        return answer


TestNetwork = Network.TestCase
TestNetwork.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
