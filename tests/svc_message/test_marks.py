"""How far others have read, told in few deliveries: in groups once in a while, in direct chats at once."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from mesh.deliveries import Delivered
from parley.conversation.v1.conversation_pb2 import Position, Receipt
from parley.gateway.v1.frame_pb2 import ClientFrame, Mark, ServerFrame
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import GroupChange
from svc_message.application.sync import marks as tell_marks
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.test_readers import readers
from tests.svc_message.topic import told
from tests.svc_message.world import World, mesh_of_one, process

LONG_S = 20.0
"""A window that ends when a test says so; three of them, and no heartbeat is missed."""


@pytest.fixture(autouse=True)
def _long_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell_marks, "WINDOW_S", LONG_S)


def _marks(delivery: Delivered) -> list[Receipt]:
    """The marks in it."""
    return [mark for part in delivery[2] for mark in ServerFrame.FromString(part.frame).receipts]


def knows(device: Device, chat: str, other: Device, seq: int) -> Callable[[], bool]:
    """Whether the device was told that the other one has read so far, and nothing later that says less."""

    def check() -> bool:
        marks = [one for one in device.received.receipts if one.conversation_id == chat]
        return [one.read_seq for one in marks if one.user_id == other.user_id][-1:] == [seq]

    return check


async def all_read_along(mesh: World, team: str, members: list[Device], messages: int) -> int:
    """Somebody writes, everybody reads it, and so on; where the last message stands."""
    seq = 0
    for number in range(messages):
        seq = await members[number % len(members)].post(team)
        await asyncio.gather(*(one.mark_read(team, seq) for one in members))
    return seq


async def test_a_group_that_reads_along_gets_one_delivery_a_window(mesh: World) -> None:
    """Eight members who read each of six messages cost two deliveries, not 48; no mark that was overtaken is sent, and
    the last position of each is known to all.
    """
    members = [await new_device(mesh).connect() for _ in range(8)]
    team = await groups.make(mesh, members[0], *members[1:], member_receipts=True)
    async with told(mesh, _marks) as marks:
        last = await all_read_along(mesh, team, members, messages=6)
        await members[1].until(lambda: members[1].received.receipts)
        assert len(marks) == 1
        mesh.clock.advance(LONG_S)
        for device in members:
            for other in members:
                await device.until(knows(device, team, other, last))
        assert len(marks) == 2
        assert {(one.user_id, one.read_seq) for one in marks[1]} >= {(one.user_id, last) for one in members[1:]}
        assert {one.read_seq for one in marks[1]} == {last}


async def test_each_further_window_is_one_more(mesh: World) -> None:
    """What comes after a window is told when the next one ends, and after a quiet one at once."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, ann, bob, eve, member_receipts=True)
    seqs = [await ann.post(team) for _ in range(4)]
    async with told(mesh, _marks) as marks:
        await bob.mark_read(team, seqs[0])
        await ann.until(knows(ann, team, bob, seqs[0]))
        await bob.mark_read(team, seqs[1])
        mesh.clock.advance(LONG_S)
        await ann.until(knows(ann, team, bob, seqs[1]))
        await eve.mark_read(team, seqs[2])
        await bob.mark_read(team, seqs[2])
        mesh.clock.advance(LONG_S)
        await ann.until(knows(ann, team, eve, seqs[2]))
        assert [len(one) for one in marks] == [1, 1, 2]
        # Nothing came in this window: the next mark waits for no further one.
        mesh.clock.advance(LONG_S)
        await eve.mark_read(team, seqs[3])
        await ann.until(knows(ann, team, eve, seqs[3]))


async def test_direct_chats_wait_for_no_window(mesh: World) -> None:
    """Each mark of the only other one arrives at once, one after the other."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    for _ in range(3):
        seq = await ann.post(chat)
        await bob.read(chat, seq)
        await ann.until(knows(ann, chat, bob, seq))


async def test_who_hides_costs_one_more_and_stays_hidden(mesh: World) -> None:
    """In one window those who hide are told no read position, and theirs are told to their own devices alone."""
    ann, bob, eve = [new_device(mesh) for _ in range(3)]
    mesh.directory.hides_reads.add(eve.user_id)
    for device in (ann, bob, eve):
        await device.connect()
    tablet = await new_device(mesh, eve.user_id).connect()
    team = await groups.make(mesh, ann, bob, eve, member_receipts=True)
    seqs = [await ann.post(team) for _ in range(3)]
    async with told(mesh, _marks) as marks:
        for seq in seqs:
            for device in (ann, bob, eve):
                await device.mark_read(team, seq)
        mesh.clock.advance(LONG_S)
        await ann.until(knows(ann, team, bob, seqs[-1]))
        await tablet.until(knows(tablet, team, eve, seqs[-1]))
        assert len(marks) <= 2 * (1 + 1 + 1)
    for device in (ann, bob):
        assert [one.received_seq for one in device.received.receipts if one.user_id == eve.user_id][-1:] == [seqs[-1]]
        assert not any(one.read_seq for one in device.received.receipts if one.user_id == eve.user_id)
    assert not any(one.read_seq for one in tablet.received.receipts if one.user_id != eve.user_id)


async def test_who_was_removed_meanwhile_is_told_nothing(mesh: World) -> None:
    """What waits goes to those who are members when it is told."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, ann, bob, eve, member_receipts=True)
    seqs = [await ann.post(team) for _ in range(2)]
    await bob.mark_read(team, seqs[0])
    await eve.until(knows(eve, team, bob, seqs[0]))
    await bob.mark_read(team, seqs[1])
    await groups.kick(mesh, team, eve)
    mesh.clock.advance(LONG_S)
    await ann.until(knows(ann, team, bob, seqs[1]))
    await eve.post(direct(ann, eve))  # a way of its own, behind everything that was on its way to her
    await ann.read(direct(ann, eve), 1)
    await eve.until(knows(eve, direct(ann, eve), ann, 1))
    assert knows(eve, team, bob, seqs[0])()


async def test_a_group_that_shows_counts_only(mesh: World) -> None:
    """By default a mark in a group is told to the other devices of its user, and to nobody else."""
    ann, bob = [await new_device(mesh).connect() for _ in range(2)]
    tablet = await new_device(mesh, bob.user_id).connect()
    team = await groups.make(mesh, ann, bob)
    seq = await ann.post(team)
    async with told(mesh, _marks) as marks:
        await bob.say(ClientFrame(received=[Mark(conversation_id=team, seq=seq)]))
        await bob.mark_read(team, seq)
        mesh.clock.advance(LONG_S)
        await tablet.until(knows(tablet, team, bob, seq))
        # What goes to her now comes behind all that was on its way.
        await bob.read(direct(ann, bob), await ann.post(direct(ann, bob)))
        await ann.until(knows(ann, direct(ann, bob), bob, 1))
        assert [[one.conversation_id for one in some] for some in marks] == [[team], [direct(ann, bob)]]
    assert {one.conversation_id for one in ann.received.receipts} == {direct(ann, bob)}


async def test_what_another_node_wrote_holds_for_the_next_mark(tmp_path: Path) -> None:
    """A node shows receipts, or does not any more, from the next mark on when another one has written that."""
    async with mesh_of_one(tmp_path) as made, process(made, "message", number=2) as second:
        here = made.logs
        async with grpc.aio.insecure_channel(second) as channel:
            there = LogServiceStub(channel)
            ann, bob = [await new_device(made).connect() for _ in range(2)]
            tablet = await new_device(made, bob.user_id).connect()
            team = await groups.make(made, ann, bob)
            seqs = [(await groups.append(made, team, Content(group=GroupChange(name=str(n))))).seq for n in range(3)]
            for seq, shown in zip(seqs, (True, False, True), strict=True):
                made.logs = there
                await groups.change_group(made, team, GroupChange(member_receipts=shown))
                made.logs = here
                await bob.mark_read(team, seq)
                made.clock.advance(LONG_S)
                await tablet.until(knows(tablet, team, bob, seq))
                if shown:
                    await ann.until(knows(ann, team, bob, seq))
            assert [one.read_seq for one in ann.received.receipts] == [seqs[0], seqs[2]]


async def test_more_than_may_wait_are_dropped_and_kept(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark beyond the bound is not told, one in place of an older one is, and the positions of all are kept."""
    monkeypatch.setattr(tell_marks, "MAX_WAITING", 1)
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, ann, bob, eve, member_receipts=True)
    seqs = [await ann.post(team) for _ in range(3)]
    await bob.mark_read(team, seqs[0])
    await ann.until(knows(ann, team, bob, seqs[0]))
    await bob.mark_read(team, seqs[1])
    await eve.mark_read(team, seqs[1])
    await bob.mark_read(team, seqs[2])
    mesh.clock.advance(LONG_S)
    await ann.until(knows(ann, team, bob, seqs[2]))
    assert not [one for one in ann.received.receipts if one.user_id == eve.user_id]
    assert set((await readers(ann, team, seqs[1])).user_ids) == {bob.user_id, eve.user_id}


async def test_a_node_that_goes_loses_hints_and_no_positions(tmp_path: Path) -> None:
    """Marks that waited on a node that is gone are told by nobody; who resumes or asks sees the positions."""
    async with mesh_of_one(tmp_path) as made:
        ann, bob = [await new_device(made).connect() for _ in range(2)]
        tablet = await new_device(made, bob.user_id).connect()
        team = await groups.make(made, ann, bob, member_receipts=True)
        seqs = [await ann.post(team) for _ in range(2)]
        await bob.mark_read(team, seqs[0])
        await tablet.until(knows(tablet, team, bob, seqs[0]))
        await bob.mark_read(team, seqs[1])
        assert knows(tablet, team, bob, seqs[0])()
    async with mesh_of_one(tmp_path) as made:
        ann, tablet = new_device(made, ann.user_id), await new_device(made, bob.user_id).connect()
        assert list((await readers(ann, team, seqs[1])).user_ids) == [bob.user_id]
        resumed = await tablet.resume(Position(conversation_id=team, seq=seqs[1]))
        assert [one.read_seq for one in resumed.states] == [seqs[1]]


async def test_very_many_are_told_in_turns(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more groups are due than one turn takes, all of them are told, and each once."""
    monkeypatch.setattr(tell_marks, "TURN", 2)
    ann, bob = [await new_device(mesh).connect() for _ in range(2)]
    teams = [await groups.make(mesh, ann, bob, member_receipts=True) for _ in range(9)]
    async with told(mesh, _marks) as marks:
        for seq in (1, 2):
            await bob.say(ClientFrame(reads=[Mark(conversation_id=team, seq=seq) for team in teams]))
            for team in teams:
                await ann.until(knows(ann, team, bob, seq))
            mesh.clock.advance(LONG_S)  # what comes before the windows end is told then, what comes after, at once
        of_teams = [one.conversation_id for some in marks for one in some if one.conversation_id in teams]
        assert sorted(of_teams) == sorted([*teams, *teams])
