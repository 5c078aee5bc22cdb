"""Slow mode: how often a member of a group may write."""

from pathlib import Path

from mesh.errors import Code
from parley.message.v1.notice_pb2 import GroupChange
from tests.svc_message import groups
from tests.svc_message.device import Device, edit, new_device, post
from tests.svc_message.test_reactions_and_pins import pin
from tests.svc_message.world import World, eventually, mesh_of_one, process


async def test_a_member_writes_once_in_a_while(mesh: World) -> None:
    """In slow mode the second post of a member is refused with the time to wait, until that is over."""
    owner, ann, bob = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, owner, ann, bob)
    await groups.change_group(mesh, team, GroupChange(slow_mode_seconds=30))
    began = mesh.clock.now_ms()
    assert await ann.seqs(post(team)) == [3]
    mesh.clock.advance(10)
    [early] = await ann.results(post(team))
    passed = mesh.clock.now_ms() - began
    assert (early.error.code, early.error.reason) == (int(Code.FAILED_PRECONDITION), "SLOW_MODE")
    assert 30_000 - passed <= int(early.error.message.split()[-3]) <= 20_000
    # It is no promise to take the same one later, so what comes behind it is not held up.
    assert early.error.retry_after_ms == 0
    assert await bob.seqs(post(team)) == [4]
    mesh.clock.advance(21)
    assert await ann.seqs(post(team)) == [5]
    await groups.change_group(mesh, team, GroupChange(slow_mode_seconds=0))
    assert await ann.seqs(post(team), post(team)) == [7, 8]


async def test_a_clock_that_is_set_back_silences_nobody(mesh: World) -> None:
    """Who wrote just before the jump does not wait for the hours that the clock went back, and then waits as ever."""
    owner, ann = [await new_device(mesh).connect() for _ in range(2)]
    team = await groups.make(mesh, owner, ann)
    await groups.change_group(mesh, team, GroupChange(slow_mode_seconds=30))
    assert await ann.seqs(post(team)) == [3]
    mesh.clock.jump(-7_200)
    assert await ann.seqs(post(team)) == [4]
    [early] = await ann.results(post(team))
    assert early.error.reason == "SLOW_MODE"


async def test_who_governs_and_what_amends_is_free(mesh: World) -> None:
    """Slow mode does not hold for owner and admins, nor for edits; a promoted member is free at once."""
    owner, ann = [await new_device(mesh).connect() for _ in range(2)]
    team = await groups.make(mesh, owner, ann)
    await groups.change_group(mesh, team, GroupChange(slow_mode_seconds=30))
    assert await owner.seqs(post(team), post(team)) == [3, 4]
    assert await ann.seqs(post(team)) == [5]
    assert await ann.seqs(edit(team, 5)) == [6]
    await groups.update(mesh, team, ann, role=groups.ADMIN)
    assert await ann.seqs(post(team)) == [8]


async def test_a_repeated_send_is_answered_as_before(mesh: World) -> None:
    """The same send again is the first one's place, and not too early, whenever it comes."""
    owner, ann = [await new_device(mesh).connect() for _ in range(2)]
    team = await groups.make(mesh, owner, ann)
    await groups.change_group(mesh, team, GroupChange(slow_mode_seconds=30))
    first = post(team)
    both = await ann.results(first, first)
    assert [(one.seq, one.duplicate) for one in both] == [(3, False), (3, True)]
    mesh.clock.advance(31)
    assert [one.duplicate for one in await ann.results(first)] == [True]
    assert await ann.seqs(post(team)) == [4]
    mesh.clock.advance(31)
    # Not her last one any more: it is answered by the store, and takes not her turn.
    assert [one.duplicate for one in await ann.results(first)] == [True]
    assert await ann.seqs(post(team)) == [5]


async def first_message(device: Device, team: str) -> int:
    """Write something, and write it again while the link to a node that has just come is not up; where it stands."""
    first, seqs = post(team), list[int]()

    async def stands() -> bool:
        seqs.extend(result.seq for result in await device.results(first) if result.seq)
        return bool(seqs)

    await eventually(stands)
    return seqs[0]


async def test_what_another_node_wrote_holds_from_the_next_message_on(tmp_path: Path) -> None:
    """Rights that a node wrote which does not own the group hold for the first message after them: who is muted is
    refused, slow mode counts, who may not pin does not, nobody writes in a closed group, what was allowed is allowed.
    """
    async with mesh_of_one(tmp_path) as made, process(made, "message", number=2):
        owner, ann = [await new_device(made).connect() for _ in range(2)]
        # One of two nodes owns each; the changes go to the first one.
        for _ in range(6):
            team = await groups.make(made, owner, ann)
            seq = await first_message(ann, team)
            await groups.change_group(made, team, GroupChange(pin_open=True))
            assert await ann.seqs(pin(team, seq))
            await groups.change_group(made, team, GroupChange(pin_open=False))
            assert await ann.refused(pin(team, seq, removed=True)) == "NOT_ALLOWED"
            await groups.change_group(made, team, GroupChange(slow_mode_seconds=600))
            assert await ann.seqs(post(team))
            assert await ann.refused(post(team)) == "SLOW_MODE"
            await groups.change_group(made, team, GroupChange(slow_mode_seconds=0, muted_all=True))
            assert await ann.refused(post(team)) == "MUTED"
            await groups.change_group(made, team, GroupChange(muted_all=False, suspended=True))
            assert [await one.refused(post(team)) for one in (owner, ann)] == ["GROUP_SUSPENDED"] * 2
            await groups.change_group(made, team, GroupChange(suspended=False))
            assert await ann.seqs(post(team))
