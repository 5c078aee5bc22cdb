"""What users have hidden, and what is gone, in the memory of a node."""

import asyncio
from pathlib import Path

import pytest

from svc_message.application.sync.places import CutOff, Veiled
from svc_message.domain.conversation import Seq
from svc_message.domain.entry import MembershipDelta
from svc_message.domain.own import Own, Veil
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.sqlite import SqliteOwns, SqliteRetentions
from tests.svc_message.remembering import ANN, BOB, CHAT, EVE, TEAM, Node, joining, row, two_nodes

HIDDEN = ProtobufCodec().hidden(CHAT, 2)


async def hide(node: Node, veil: Veil, version: int = 1) -> None:
    """Hide, as `OwnStates` does it."""
    database = node.store._log._database  # type: ignore[attr-defined]
    assert await SqliteOwns(database).put(Own(ANN, CHAT, version, veil=veil))
    node.memory.veiled(Veiled(ANN, CHAT, veil))


async def test_memory_hides_what_was_hidden_after_it_was_filled(tmp_path: Path) -> None:
    """A user whose places and entries are in memory gets placeholders at once, and nobody else does."""
    async with two_nodes(tmp_path) as (node, _):
        for user in (ANN, BOB):
            await node.told(user)
        await node.log.append([row(CHAT, seq) for seq in (1, 2, 3)])
        assert len(await node.entries(ANN, CHAT)) == len(await node.entries(BOB, CHAT)) == 3
        await hide(node, Veil(Seq(0), frozenset({2})))
        reads = node.gates.reads.copy()
        assert await node.entries(ANN, CHAT) == [row(CHAT, 1).entry, HIDDEN, row(CHAT, 3).entry]
        assert await node.entries(BOB, CHAT) == [row(CHAT, seq).entry for seq in (1, 2, 3)]
        await hide(node, Veil(Seq(2)), 2)
        assert await node.entries(ANN, CHAT) == [row(CHAT, 3).entry]
        assert (await node.told(ANN))[CHAT][:2] == (3, 3)
        assert node.gates.reads == reads


async def test_what_is_hidden_while_a_user_is_read_is_not_lost(tmp_path: Path) -> None:
    """The store may have answered before the change: memory takes it in after the answer."""
    async with two_nodes(tmp_path) as (node, _):
        await node.log.append([row(CHAT, seq) for seq in (1, 2, 3)])
        gate, reading = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            reading.set()
            await gate.wait()

        node.gates.read = hold
        waiting = asyncio.create_task(node.entries(ANN, CHAT))
        await reading.wait()
        await hide(node, Veil(Seq(0), frozenset({2})))
        gate.set()
        assert HIDDEN in await waiting
        assert HIDDEN in await node.entries(ANN, CHAT)


async def test_what_another_node_hides_is_hidden_here(tmp_path: Path) -> None:
    """The number of foreign writes tells, and all is read anew."""
    async with two_nodes(tmp_path) as (ours, theirs):
        await ours.log.append([row(CHAT, seq) for seq in (1, 2, 3)])
        await ours.entries(ANN, CHAT)
        await hide(theirs, Veil(Seq(0), frozenset({2})))
        assert HIDDEN in await ours.entries(ANN, CHAT)


@pytest.mark.parametrize("known", [True, False])
async def test_a_log_that_lost_its_beginning(tmp_path: Path, *, known: bool) -> None:
    """Who is in memory, and a newcomer who may see all, begin with the first entry that is there."""
    async with two_nodes(tmp_path) as (node, _):
        await node.log.append([row(TEAM, 1, joining(1, ANN)), *(row(TEAM, seq) for seq in range(2, 7))])
        for user in (ANN, EVE) if known else (EVE,):
            await node.told(user)
        database = node.store._log._database  # type: ignore[attr-defined]
        await SqliteRetentions(database).cut(TEAM, Seq(4), b"cut")
        node.memory.cut(CutOff(TEAM, Seq(4)))
        came = MembershipDelta(added=joining(1, EVE).added)
        await node.log.append([row(TEAM, 7, came)])
        rest = [row(TEAM, 5).entry, row(TEAM, 6).entry, row(TEAM, 7, came).entry]
        for user in (ANN, EVE):
            assert await node.entries(user, TEAM) == [b"cut", *rest]
        assert (await node.told(ANN))[TEAM][:2] == (7, 4)
