"""How the state machine brings entries into order."""

from __future__ import annotations

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import (
    ConversationReset,
    HistorySkipped,
    Synced,
)
from parley_sdk.machine import Limits
from tests.sdk.frames import push, state
from tests.sdk.model import DIRECT, GROUP, Device, entry

_Resumed = frame_pb2.Resumed


class TestEntries:
    def test_order(self, device: Device) -> None:
        """Entries that overtake one another are handed over in order, repeated ones once."""
        for seqs in ((2,), (1, 2), (4, 3), (1,)):
            device.hear(push(*seqs))
        assert device.seqs() == [1, 2, 3, 4]

    def test_gap_is_pulled_after_a_moment(self, device: Device) -> None:
        """An entry that skips some waits for them 0.2 s, then they are pulled."""
        device.hear(push(1))
        device.hear(push(4))
        assert not device.pulls
        device.pass_time(0.2)
        assert [(position.conversation_id, position.seq) for position in device.pulls[0].positions] == [(DIRECT, 1)]
        response = conversation_service_pb2.SyncResponse(
            entries=[entry(2), entry(3), entry(4)], states=[state(DIRECT, 4)]
        )
        device.machine.pulled(response, device.now)
        device.turn()
        assert device.seqs() == [1, 2, 3, 4]

    def test_pull_goes_on_while_there_is_more(self, device: Device) -> None:
        """An answer with `remaining` is followed by a pull from there."""
        device.hear(
            frame_pb2.ServerFrame(resumed=_Resumed(outcome=_Resumed.OUTCOME_PARTIAL, states=[state(DIRECT, 4)]))
        )
        device.pulls.clear()
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(
                entries=[entry(1), entry(2)],
                remaining=[conversation_pb2.Position(conversation_id=DIRECT, seq=2)],
                states=[state(DIRECT, 4)],
            ),
            device.now,
        )
        device.turn()
        assert [position.seq for position in device.pulls[0].positions] == [2]
        assert device.seqs() == [1, 2]

    def test_what_sync_leaves_out_does_not_come(self, device: Device) -> None:
        """Entries that are hidden from the user are no gap: the log between two answers of Sync is complete."""
        device.hear(push(5))
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(entries=[entry(2), entry(5)], states=[state(DIRECT, 6)]), device.now
        )
        device.turn()
        device.hear(push(7))
        assert device.seqs() == [2, 5, 7]

    def test_cut_log(self, device: Device) -> None:
        """When the log begins later than the device stands, it goes on there and says so."""
        device.hear(push(1))
        device.hear(frame_pb2.ServerFrame(entries=[entry(9)], resumed=_Resumed(states=[state(DIRECT, 9, first=9)])))
        assert device.seqs() == [1, 9]
        assert HistorySkipped(DIRECT, 9) in device.events

    def test_backlog(self) -> None:
        """A conversation that the device meets for the first time begins near its end."""
        device = Device(Limits(backlog=10))
        device.online((state(DIRECT, 500),))
        assert [position.seq for position in device.pulls[0].positions] == [490]

    def test_failed_pull_is_repeated(self, device: Device) -> None:
        """A pull that fails is tried again, later each time and not before the server wants it."""
        device.hear(push(3))
        device.pulls.clear()
        device.machine.pull_failed(ParleyError(Code.UNAVAILABLE, retry_after=3.0), device.now)
        device.pass_time(2.9)
        assert not device.pulls
        device.pass_time(0.2)
        assert device.pulls

    def test_conversation_that_is_gone(self, device: Device) -> None:
        """When a pull of several names one that the server does not know, only that one is forgotten."""
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(states=[state(DIRECT, 2), state(GROUP, 2)])))
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
        device.hear(push(1, 2))
        device.hear(
            frame_pb2.ServerFrame(
                resumed=_Resumed(
                    outcome=_Resumed.OUTCOME_RESET,
                    reset_conversation_ids=[DIRECT],
                    states=[state(DIRECT, 1)],
                    reset_reason="log is shorter",
                )
            )
        )
        assert ConversationReset(DIRECT, "log is shorter") in device.events
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(entries=[entry(1)], states=[state(DIRECT, 1)]), device.now
        )
        device.turn()
        assert device.seqs() == [1, 2, 1]
        assert device.disk.places[DIRECT].seq == 1

    def test_position_is_kept_after_the_app_has_it(self, device: Device) -> None:
        """What the app did not take yet is not counted as handed over, whatever else is kept meanwhile."""
        device.hear(push(1, 2, 3))
        device.take(1)
        device.machine.mark_read(DIRECT, 1)
        device.turn()
        assert device.disk.places[DIRECT].seq == 1

    def test_slow_app(self) -> None:
        """While the app is behind, nothing more is pulled for it and memory stays bounded; then all comes."""
        device = Device(Limits(queue=8))
        device.online()
        for seq in range(1, 21):
            device.hear(push(seq))
        assert len(device.queue) == 8
        assert not device.pulls
        device.take()
        assert [position.seq for position in device.pulls[0].positions] == [8]

    def test_synced(self) -> None:
        """The app learns when all that it missed stands before it."""
        device = Device()
        device.online((state(DIRECT, 1),))
        assert Synced() not in device.events
        device.machine.pulled(
            conversation_service_pb2.SyncResponse(entries=[entry(1)], states=[state(DIRECT, 1)]), device.now
        )
        device.turn()
        assert device.events[-1] == Synced()

    def test_incomplete_resume(self, device: Device) -> None:
        """When not all states fit into Resumed, they are listed."""
        device.hear(frame_pb2.ServerFrame(resumed=_Resumed(incomplete=True)))
        assert device.lists == 1
        device.machine.listed([state(GROUP, 3)], device.now)
        device.turn()
        assert device.pulls[0].positions[0].conversation_id == GROUP
