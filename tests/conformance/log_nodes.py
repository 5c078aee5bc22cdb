"""The log and the members of conversations as two processes have them open, and rows to keep: another adapter
joins with one line in STORES.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.sqlite import Database
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.remember import RememberedLog
from svc_message.domain.conversation import ConversationId, DeviceId, Membership, Role, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, GroupDelta, MembershipDelta, Row
from svc_message.domain.ports import Log, Members
from svc_message.infrastructure import mongo as mongo_store
from svc_message.infrastructure.mongo import MongoLog, MongoMembers
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteMembers
from tests.mongo.server import SERVER, fresh_url

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
CHAT, OTHER, OWN = direct_id(ANN, BOB), direct_id(ANN, EVE), direct_id(ANN, ANN)
TEAM = ConversationId("g" + "1" * 15)
PHONE, LAPTOP = DeviceId("d" + "1" * 15), DeviceId("d" + "2" * 15)
SLOW_S = 30.0
"""Seconds that a call to a database may take: a server that is made for tests reads all that there is for each."""


@dataclass(frozen=True)
class Node:
    """One process's view of a store."""

    log: Log
    members: Members


@dataclass(frozen=True)
class Nodes:
    """One store as two processes see it."""

    ours: Node
    theirs: Node


OpenStore = Callable[[Path], AbstractAsyncContextManager[Nodes]]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Nodes]:
    """The embedded store."""
    path = folder / "message.db"
    async with Database(path, SCHEMA) as one, Database(path, SCHEMA) as two:
        yield Nodes(Node(SqliteLog(one), SqliteMembers(one)), Node(SqliteLog(two), SqliteMembers(two)))


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[Nodes]:
    """A database of a MongoDB server."""
    async with (
        fresh_url() as url,
        mongodb.Database(url, mongo_store.SCHEMA, call_s=SLOW_S) as one,
        mongodb.Database(url, mongo_store.SCHEMA, call_s=SLOW_S) as two,
    ):
        yield Nodes(Node(MongoLog(one), MongoMembers(one)), Node(MongoLog(two), MongoMembers(two)))


def remembered(store: OpenStore) -> OpenStore:
    """A store behind the memory of each process."""

    @asynccontextmanager
    async def opened(folder: Path) -> AsyncIterator[Nodes]:
        async with store(folder) as nodes:
            yield Nodes(_remembering(nodes.ours), _remembering(nodes.theirs))

    return opened


def _remembering(node: Node) -> Node:
    return Node(RememberedLog(node.log, Memory(node.log, node.members)), node.members)


STORES = [pytest.param(sqlite, id="sqlite"), pytest.param(remembered(sqlite), id="remembered sqlite")]
if SERVER:
    STORES += [
        pytest.param(mongo, id="mongo", marks=pytest.mark.real),
        pytest.param(remembered(mongo), id="remembered mongo", marks=pytest.mark.real),
    ]


@pytest.fixture(params=STORES)
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    """Each store that there is, empty; a fixture of the suites that name it."""
    async with request.param(tmp_path) as opened:
        yield opened


def row(
    conversation_id: ConversationId,
    seq: int,
    number: int = 0,
    *,
    sender: UserId = ANN,
    device: DeviceId = PHONE,
    kind: EntryKind = EntryKind.POST,
    target: int = 0,
    mentions: tuple[UserId, ...] = (),
    mentions_all: bool = False,
    members: MembershipDelta | None = None,
    group: GroupDelta | None = None,
    tombstones: tuple[tuple[Seq, bytes], ...] = (),
) -> Row:
    """An entry at a place; its number is its seq unless one is given."""
    content = f"{conversation_id} {seq}".encode()
    draft = Draft(
        conversation_id,
        sender,
        device,
        number or seq,
        kind,
        content,
        Seq(target),
        mentions,
        mentions_all,
        members,
        group,
    )
    return Row(draft, Seq(seq), 1_000 + seq, b"entry " + content, tombstones)


def joining(seq: int, *users: UserId, role: Role = Role.MEMBER, first: int = 0) -> MembershipDelta:
    """A change by which these come."""
    return MembershipDelta(added=tuple(Membership(user, Seq(seq), Seq(first or seq), role=role) for user in users))
