"""Folds that two callers make at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.infrastructure.sqlite import Database
from parley.message.v1.entry_pb2 import Content, Entry, Reaction
from svc_message.application.reading.present import Present
from svc_message.domain.conversation import DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row, Stored
from svc_message.infrastructure.reading import ProtobufReading
from svc_message.infrastructure.sqlite import SCHEMA, SqliteChanges, SqliteLog

ANN, PHONE = UserId("u" + "a" * 15), DeviceId("d" + "1" * 15)
CHAT = direct_id(ANN, ANN)


def row(seq: int, kind: EntryKind = EntryKind.REACTION, *, removed: bool = False) -> Row:
    """A reaction to the first entry, or its end."""
    reaction = Reaction(target_seq=1, name="+1", removed=removed)
    entry = Entry(content=Content(reaction=reaction)).SerializeToString()
    return Row(Draft(CHAT, ANN, PHONE, seq, kind, entry, Seq(kind is EntryKind.REACTION)), Seq(seq), seq, entry)


class HeldUp(SqliteChanges):
    """Answers the first question when it is let go, with what there was when it was asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def about(self, *args: object, **options: object) -> list[Stored]:
        """See the port."""
        found = await super().about(*args, **options)  # type: ignore[arg-type]
        if not self.asked.is_set():
            self.asked.set()
            await self.let_go.wait()
        return found


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A store with a post and a reaction to it."""
    async with Database(tmp_path / "message.db", SCHEMA) as opened:
        await SqliteLog(opened).append([row(1, EntryKind.POST), row(2)])
        yield opened


async def test_two_looks_at_the_same_time(database: Database) -> None:
    """The fold is that of the newest look, whichever answer comes last."""
    changes = HeldUp(database)
    present = Present(changes, ProtobufReading())
    slow = asyncio.create_task(present.reactions(CHAT, Seq(1)))
    await changes.asked.wait()
    await SqliteLog(database).append([row(3, removed=True)])
    assert len(await present.reactions(CHAT, Seq(1))) == 0
    changes.let_go.set()
    assert len(await slow) == 0
    again = await present.reactions(CHAT, Seq(1))
    assert (len(again), again.reached) == (0, 3)
