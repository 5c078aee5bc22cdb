"""The stores of the group service that its suites run over, and a group to keep in them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.outbox import OutboxStore
from mesh.settings import Secret
from parley.log.v1 import log_service_pb2
from svc_group.domain import changes
from svc_group.domain.changes import Cause, Change
from svc_group.domain.group import Group, GroupId, Role, Settings, UserId
from svc_group.domain.member import Member
from svc_group.domain.ports import Bans, Decision, Groups, Members, Need, WaysIn
from svc_group.infrastructure.store import open_store
from tests.mongo.server import SERVER, fresh_url

TEAM = GroupId("g" + "1" * 15)
ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
DAY_MS = 24 * 3_600_000


@dataclass
class Store:
    """One store through all of its ports."""

    groups: Groups
    members: Members
    ways_in: WaysIn
    bans: Bans
    outbox: OutboxStore
    clock: FakeClock

    async def keep(self, change: Change) -> None:
        """Make a change that needs to see nothing."""
        await self.groups.change(Need(), lambda _: Decision(None, change))


@dataclass(frozen=True)
class Stores:
    """One store as two processes have it open."""

    ours: Store
    theirs: Store


@asynccontextmanager
async def opened(url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """The store at a URL."""
    async with open_store(url, Secret(), clock) as made:
        yield Store(made.groups, made.members, made.ways_in, made.bans, made.outbox, clock)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Stores]:
    """The embedded store."""
    clock, url = FakeClock(), f"sqlite:{folder}/group.db"
    async with opened(url, clock) as ours, opened(url, clock) as theirs:
        yield Stores(ours, theirs)


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[Stores]:
    """A database of a MongoDB server."""
    clock = FakeClock()
    async with fresh_url() as url, opened(url, clock) as ours, opened(url, clock) as theirs:
        yield Stores(ours, theirs)


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES.append(pytest.param(mongo, id="mongo", marks=pytest.mark.real))


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """An empty store of each kind; like `store` a fixture of the suites that name it."""
    async with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def store(stores: Stores) -> Store:
    """It, as one process has it."""
    return stores.ours


def team(*others: UserId, **values: object) -> Change:
    """The founding of a group by Ann."""
    group = replace(Group(TEAM, Settings("team"), ANN, 1 + len(others), 1_000), **values)  # type: ignore[arg-type]
    members = (
        Member(TEAM, ANN, Role.OWNER, 1_000, display_name="Ann"),
        *(Member(TEAM, user_id, Role.MEMBER, 1_000, display_name="Other") for user_id in others),
    )
    return Change(group, members, entries=changes.added(group, ANN, Cause.CREATED, members))


async def owed(store: Store) -> Sequence[log_service_pb2.Append]:
    """Return the entries that the store owes."""
    return [log_service_pb2.Append.FromString(debt.payload) for debt in await store.outbox.owed(100)]
