"""A message node as far as its memory goes: over a real store, whose reads are counted and may be held up."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mesh.infrastructure.sqlite import Database
from svc_message.application.bots.sights import Sights
from svc_message.application.sync.catch_up import Position, Sync
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.places import Places
from svc_message.application.sync.recent import Recent
from svc_message.application.sync.remember import Key, RememberedLog
from svc_message.application.sync.shown import Shown
from svc_message.domain.conversation import (
    ConversationId,
    DeviceId,
    GroupRights,
    Membership,
    Seq,
    UserId,
    direct_id,
)
from svc_message.domain.entry import Draft, EntryKind, MembershipDelta, Row, Stored
from svc_message.domain.ports import Log, Mark, Members, Pair, Run, Span, Standing, Unread, UnreadAsk
from svc_message.infrastructure.addressing import ProtobufAddressing
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.sqlite import SCHEMA, SqliteChanges, SqliteLog, SqliteMembers

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
USERS = (ANN, BOB, EVE)
CHAT, OTHER = direct_id(ANN, BOB), direct_id(ANN, EVE)
PERSONAL, TEAM = ConversationId(ANN), ConversationId("g" + "1" * 15)
PHONE = DeviceId("d" + "1" * 15)

T = TypeVar("T")


async def at_once() -> None:
    """Answer without delay."""


@dataclass
class Gates:
    """What happens to an answer of the store on its way: counted, and held up or lost when a test says so."""

    reads: Counter[str] = field(default_factory=Counter)
    read: Callable[[], Awaitable[None]] = at_once
    written: Callable[[], Awaitable[None]] = at_once

    async def reading(self, name: str, answer: Awaitable[T]) -> T:
        """Count a read."""
        self.reads[name] += 1
        result = await answer
        await self.read()
        return result


class NobodyBlocks:
    """`Blocks` of users who get on with each other."""

    async def between(self, pairs: Collection[Pair]) -> set[Pair]:
        """See the port."""
        return set()


class NobodyHides:
    """`Privacy` of users who let others know how far they have read."""

    async def hiding(self, user_ids: Collection[UserId]) -> set[UserId]:
        """See the port."""
        return set()

    async def showing_presence(self, watcher_id: UserId, user_ids: Collection[UserId]) -> set[UserId]:
        """See the port."""
        return set(user_ids) | {watcher_id}


class CountingLog:
    """A log that counts what is read."""

    def __init__(self, log: Log, gates: Gates) -> None:
        self._log = log
        self._gates = gates

    async def append(self, rows: Sequence[Row]) -> None:
        """See the port."""
        await self._log.append(rows)
        await self._gates.written()

    async def heads(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        return await self._gates.reading("heads", self._log.heads(ids))

    async def find(self, keys: Collection[Key]) -> dict[Key, Stored]:
        """See the port."""
        return await self._gates.reading("find", self._log.find(keys))

    async def read(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, descending: bool = False
    ) -> list[Stored]:
        """See the port."""
        found = self._log.read(conversation_id, first, last, limit, descending=descending)
        return await self._gates.reading("read", found)

    async def read_each(self, spans: Sequence[Span], limit: int, room: int) -> list[Run]:
        """See the port."""
        return await self._gates.reading("read_each", self._log.read_each(spans, limit, room))

    async def last(self, ends: Mapping[ConversationId, Seq]) -> dict[ConversationId, Stored]:
        """See the port."""
        return await self._gates.reading("last", self._log.last(ends))

    async def amendments(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, after: int = 0
    ) -> list[Stored]:
        """See the port."""
        found = self._log.amendments(conversation_id, first, last, limit, after=after)
        return await self._gates.reading("amendments", found)

    async def foreign_writes(self) -> int | None:
        """See the port."""
        return await self._log.foreign_writes()


class BlindLog(CountingLog):
    """A log over a store that cannot tell who wrote."""

    async def foreign_writes(self) -> int | None:
        """See the port."""
        return None


class SlowLog(CountingLog):
    """A log whose writes go on when their caller gives up, and whose looks are held up: both as the port allows."""

    def __init__(self, log: Log, gates: Gates) -> None:
        super().__init__(log, gates)
        self.write, self.answer, self.looked = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._writing: list[asyncio.Task[None]] = []

    async def append(self, rows: Sequence[Row]) -> None:
        """See the port."""
        self._writing.append(asyncio.create_task(self._append(rows)))
        await asyncio.shield(self._writing[-1])

    async def _append(self, rows: Sequence[Row]) -> None:
        await self.write.wait()
        await super().append(rows)

    async def foreign_writes(self) -> int | None:
        """See the port."""
        await asyncio.gather(*self._writing)
        number = await super().foreign_writes()
        self.looked.set()
        await self.answer.wait()
        return number


class CountingMembers:
    """Members that count what is read."""

    def __init__(self, members: Members, gates: Gates) -> None:
        self._members = members
        self._gates = gates

    async def of_conversation(self, conversation_id: ConversationId) -> list[Membership]:
        """See the port."""
        return await self._gates.reading("of_conversation", self._members.of_conversation(conversation_id))

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        return await self._gates.reading("of_user", self._members.of_user(user_id))

    async def peers(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        return await self._gates.reading("peers", self._members.peers(user_id))

    async def standings(self, user_id: UserId) -> list[Standing]:
        """See the port."""
        return await self._gates.reading("standings", self._members.standings(user_id))

    async def one(self, conversation_id: ConversationId, user_id: UserId) -> Membership | None:
        """See the port."""
        return await self._gates.reading("one", self._members.one(conversation_id, user_id))

    async def group_rights(self, conversation_id: ConversationId) -> GroupRights:
        """See the port."""
        return await self._gates.reading("group_rights", self._members.group_rights(conversation_id))

    async def advance(self, marks: Sequence[Mark]) -> list[tuple[Mark, bool]]:
        """See the port."""
        return await self._members.advance(marks)

    async def unread(self, user_id: UserId, asks: Sequence[UnreadAsk], limit: int) -> list[Unread]:
        """See the port."""
        return await self._gates.reading("unread", self._members.unread(user_id, asks, limit))


class Node:
    """A message node as far as memory goes, over a real store."""

    def __init__(
        self,
        database: Database,
        places: Places | None = None,
        recent: Recent | None = None,
        adapter: type[CountingLog] = CountingLog,
    ) -> None:
        self.gates = Gates()
        self.store = log = adapter(SqliteLog(database), self.gates)
        self.members = CountingMembers(SqliteMembers(database), self.gates)
        self.memory = Memory(log, self.members, places, recent)
        self.log = RememberedLog(log, self.memory)
        sights = Sights(SqliteChanges(database), ProtobufAddressing(), ProtobufCodec())
        self.sync = Sync(log, self.memory, Shown(NobodyHides(), NobodyBlocks()), ProtobufCodec(), sights)

    async def mark(self, mark: Mark) -> None:
        """Read so far, as `Receipts` writes it."""
        self.memory.advanced([now for now, rose in await self.members.advance([mark]) if rose])

    async def told(self, user_id: UserId) -> dict[ConversationId, tuple[int, ...]]:
        """What the user is told about all conversations."""
        states = await self.sync.compare(user_id, ())
        return {
            one.conversation_id: (one.head_seq, one.first_seq, one.left_seq, one.read_seq, one.peer_read_seq)
            for one in states
        }

    async def entries(self, user_id: UserId, conversation_id: ConversationId, after: int = 0) -> list[bytes]:
        """What a device is given that knows so much of a conversation."""
        return (await self.sync.page(user_id, [Position(conversation_id, Seq(after))], 1_000)).entries


@asynccontextmanager
async def two_nodes(folder: Path) -> AsyncIterator[tuple[Node, Node]]:
    """Two processes on one file."""
    path = folder / "message.db"
    async with Database(path, SCHEMA) as one, Database(path, SCHEMA) as two:
        yield Node(one), Node(two)


def row(
    conversation_id: ConversationId,
    seq: int,
    members: MembershipDelta | None = None,
    tombstones: tuple[tuple[Seq, bytes], ...] = (),
) -> Row:
    """An entry."""
    content = f"{conversation_id} {seq}".encode()
    kind = EntryKind.POST if members is None else EntryKind.MEMBERSHIP
    draft = Draft(conversation_id, ANN, PHONE, seq, kind, content, members=members)
    return Row(draft, Seq(seq), 1_000 + seq, content, tombstones)


def joining(seq: int, *users: UserId) -> MembershipDelta:
    """A change by which these come."""
    return MembershipDelta(added=tuple(Membership(user, Seq(seq), Seq(seq)) for user in users))


def leaving(*users: UserId) -> MembershipDelta:
    """A change by which these go."""
    return MembershipDelta(removed=users)
