"""What every store of groups must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.outbox import OutboxStore
from mesh.settings import Secret
from parley.log.v1 import log_service_pb2
from svc_group.domain import changes
from svc_group.domain.ban import Ban
from svc_group.domain.changes import Cause, Change, Remembered
from svc_group.domain.group import (
    Announcement,
    Group,
    GroupId,
    GroupLimits,
    GroupState,
    JoinPolicy,
    Role,
    Settings,
    UserId,
)
from svc_group.domain.member import Ending, JoinRequest, JoinRequestState, Link, Member
from svc_group.domain.ports import (
    Bans,
    Decision,
    Groups,
    Mark,
    MemberFilter,
    Members,
    Need,
    Place,
    RequestFilter,
    Scene,
    WaysIn,
)
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
    """Return an empty store of each kind."""
    async with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def store(stores: Stores) -> Store:
    """Return it as one process has it."""
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


async def test_what_is_kept_comes_back(store: Store) -> None:
    """Every field of group, member, request and link survives the store."""
    settings = Settings("team", "m", "intro", JoinPolicy.OPEN, "why?", mute_all=True, slow_mode_seconds=3)
    announcement = Announcement(2, "text", required_reading=True, author_id=ANN, created_at_ms=5)
    group = Group(TEAM, settings, ANN, 1, 7, 3, GroupState.ACTIVE, announcement, 2, GroupLimits(10, 11, 12, 13))
    member = Member(TEAM, ANN, Role.OWNER, 8, "Ann", "A", "mine", BOB, 9, 2, 4)
    request = JoinRequest(TEAM, EVE, JoinRequestState.PENDING, 10, BOB, "please", ANN, 11)
    link = Link("i1", TEAM, "token", ANN, 12, 13, 14, 15, needs_approval=True, revoked_at_ms=16)
    await store.keep(Change(group, (member,), (request,), link))
    need = Need(user_ids=[ANN, EVE], token="token", everyone=True, admins=True)
    seen = await store.groups.look(need, lambda scene: scene)
    assert (seen.group, seen.places, seen.everyone, seen.admin_ids) == (group, {ANN: member}, [member], [ANN])
    assert (seen.join_requests, seen.link, seen.group_counts) == ({EVE: request}, link, {ANN: 1})
    view = await store.groups.view(TEAM, ANN)
    assert view is not None
    assert (view.group, view.own, view.acknowledged_count) == (group, member, 1)
    [(_, listed)] = (await store.groups.of_user(ANN, Mark(), 10)).views
    assert listed.group == group


async def test_a_refused_decision_keeps_nothing(store: Store) -> None:
    """When a decision raises, neither its change nor what it would owe is kept."""

    def decide(_: Scene) -> Decision[None]:
        raise LookupError

    with pytest.raises(LookupError):
        await store.groups.change(Need(TEAM), decide)
    assert await store.groups.view(TEAM, ANN) is None
    assert await owed(store) == []


async def test_entries_are_owed_in_the_order_of_the_changes(store: Store) -> None:
    """A change and its entries are kept together, the group's entry before the notices."""
    await store.keep(team(BOB))
    renamed = Group(TEAM, Settings("crew"), ANN, 2, 1_000, 2)
    await store.keep(Change(renamed, entries=changes.edited(renamed, ANN, Settings("team"))))
    entries = await owed(store)
    assert [entry.conversation_id for entry in entries] == [TEAM, ANN, BOB, TEAM]
    assert entries[-1].content.group.name == "crew"


async def test_decisions_do_not_overlap(store: Store) -> None:
    """Of many changes at once each sees the outcome of the one before: no count is lost."""
    await store.keep(team())

    def grow(scene: Scene) -> Decision[int]:
        assert scene.group is not None
        after = replace(scene.group, member_count=scene.group.member_count + 1)
        return Decision(after.member_count, Change(after))

    counts = await asyncio.gather(*(store.groups.change(Need(TEAM), grow) for _ in range(50)))
    assert sorted(counts) == list(range(2, 52))


async def test_an_answer_is_remembered_for_a_day(store: Store) -> None:
    """It is found by user and request id, and gone when another is remembered a day later."""
    for hours, request_id in ((0, "1"), (25, "2")):
        remembered = Remembered(ANN, request_id, "print", "answer", hours * 3_600_000)
        await store.keep(Change(remembered=remembered))
        found = await store.groups.look(Need(request=(ANN, request_id)), lambda scene: scene.remembered)
        assert found == remembered
    for user_id, request_id in ((ANN, "1"), (BOB, "2")):
        need = Need(request=(user_id, request_id))
        assert await store.groups.look(need, lambda scene: scene.remembered) is None


async def test_changes_of_a_users_groups_have_an_order(store: Store) -> None:
    """After a mark come the groups that changed later, those the user left among them, and never one twice."""
    await store.keep(team(BOB))
    first = await store.groups.of_user(BOB, Mark(), 10)
    [(mark, view)] = first.views
    assert (view.group.id, mark.change) == (TEAM, first.newest)
    assert (await store.groups.of_user(BOB, mark, 10)).views == []
    left = Member(TEAM, BOB, Role.MEMBER, 1_000, ended=Ending.LEFT, version=2)
    await store.keep(Change(members=(left,)))
    [(later, gone)] = (await store.groups.of_user(BOB, mark, 10)).views
    assert later.change > mark.change
    assert gone.own == left
    assert [view.group.id for _, view in (await store.groups.of_user(ANN, Mark(), 10)).views] == [TEAM]


async def test_members_are_listed_by_rank_and_time(store: Store) -> None:
    """Each page goes on where the one before ended, filters are all applied, and who left is not listed."""
    extra = [Member(TEAM, UserId(f"u{n:015}"), Role.MEMBER, 2_000 + n % 2, nickname=f"N{n}") for n in range(5)]
    admin = Member(TEAM, EVE, Role.ADMIN, 9_000, acknowledged=1)
    gone = Member(TEAM, BOB, Role.MEMBER, 1_000, ended=Ending.LEFT)
    await store.keep(team())
    await store.keep(Change(members=(*extra, admin, gone)))
    found, after = [], Place()
    while page := await store.members.page(TEAM, MemberFilter(), after, 2):
        found += page
        after = Place(Role.OWNER - page[-1].role, page[-1].joined_at_ms, page[-1].user_id)
    expected = [ANN, EVE, *(extra[n].user_id for n in (0, 2, 4, 1, 3))]
    assert [member.user_id for member in found] == expected
    for wanted, users in (
        (MemberFilter(role=Role.ADMIN), [EVE]),
        (MemberFilter(text="n3"), [extra[3].user_id]),
        (MemberFilter(text="%"), []),
        (MemberFilter(text=".*"), []),
        (MemberFilter(text="\0"), []),
        (MemberFilter(role=Role.ADMIN, not_acknowledged=1), []),
        (MemberFilter(role=Role.OWNER, not_acknowledged=1), [ANN]),
        (MemberFilter(acknowledged=1), [EVE]),
    ):
        listed = await store.members.page(TEAM, wanted, Place(), 10)
        assert [member.user_id for member in listed] == users
    assert await store.members.one(TEAM, BOB) == gone
    assert await store.members.one(TEAM, UserId("u" + "z" * 15)) is None


async def test_join_requests_are_listed_newest_first(store: Store) -> None:
    """Of a group or of a user, all or only what waits since a time."""
    pending, refused = JoinRequestState.PENDING, JoinRequestState.REFUSED
    requests = (
        JoinRequest(TEAM, ANN, pending, 10),
        JoinRequest(TEAM, BOB, refused, 20),
        JoinRequest(TEAM, EVE, pending, 20),
    )
    await store.keep(Change(join_requests=requests))
    page = await store.ways_in.join_requests(RequestFilter(TEAM), (0, ""), 2)
    assert [request.user_id for request in page] == [EVE, BOB]
    rest = await store.ways_in.join_requests(RequestFilter(TEAM), (20, TEAM + BOB), 2)
    assert [request.user_id for request in rest] == [ANN]
    waiting = await store.ways_in.join_requests(RequestFilter(TEAM, waiting_since_ms=15), (0, ""), 9)
    assert [request.user_id for request in waiting] == [EVE]
    own = await store.ways_in.join_requests(RequestFilter(user_id=BOB), (0, ""), 9)
    assert own == [requests[1]]
    assert await store.ways_in.join_request(TEAM, ANN) == requests[0]


async def test_links_are_listed_while_they_live(store: Store) -> None:
    """Newest first, of one creator or of all; ended and revoked ones are found by their token alone."""
    links = (
        Link("i1", TEAM, "a", ANN, 0, DAY_MS),
        Link("i2", TEAM, "b", BOB, 0, DAY_MS),
        Link("i3", TEAM, "c", ANN, 0, 5),
        Link("i4", TEAM, "d", ANN, 0, DAY_MS, revoked_at_ms=3),
    )
    for link in links:
        await store.keep(Change(link=link))
    assert [link.id for link in await store.ways_in.links(TEAM, "", 10, "", 9)] == ["i2", "i1"]
    assert [link.id for link in await store.ways_in.links(TEAM, "", 10, "i2", 9)] == ["i1"]
    assert [link.id for link in await store.ways_in.links(TEAM, ANN, 10, "", 9)] == ["i1"]
    assert await store.ways_in.link("d") == links[3]
    assert await store.ways_in.link("e") is None


def grow(scene: Scene) -> Decision[int]:
    """One member more, with an entry that says so."""
    assert scene.group is not None
    after = replace(scene.group, member_count=scene.group.member_count + 1, version=scene.group.version + 1)
    member = Member(TEAM, UserId(f"u{after.member_count:015}"), Role.MEMBER, 2_000)
    return Decision(after.member_count, Change(after, (member,), entries=changes.updated(after, ANN, member)))


async def test_bans_are_listed_while_they_hold(store: Store) -> None:
    """Newest first and page by page; those that ended or were lifted are seen by decisions alone, and not counted."""
    bans = [
        Ban(TEAM, ANN, EVE, 1_000, reason="why"),
        Ban(TEAM, BOB, EVE, 2_000, expires_at_ms=100 * 365 * DAY_MS),
        Ban(TEAM, EVE, ANN, 2_000),
        Ban(TEAM, UserId("u" + "f" * 15), ANN, 3_000, lifted=True),
        Ban(TEAM, UserId("u" + "g" * 15), ANN, 3_000, expires_at_ms=4_000),
    ]
    await store.keep(team())
    for ban in bans:
        await store.keep(Change(bans=(ban,)))
    assert await store.bans.of_group(TEAM, 5_000, (0, ""), 2) == [bans[2], bans[1]]
    assert await store.bans.of_group(TEAM, 5_000, (2_000, BOB), 2) == [bans[0]]
    assert await store.bans.of_group(GroupId("g" + "2" * 15), 5_000, (0, ""), 2) == []
    seen = await store.groups.look(Need(TEAM, [ban.user_id for ban in bans], bans=True), lambda scene: scene)
    assert seen.bans == {ban.user_id: ban for ban in bans}
    assert seen.live_bans == len(await store.bans.of_group(TEAM, store.clock.now_ms(), (0, ""), 9))
    await store.keep(Change(bans=(replace(bans[0], lifted=True),)))
    assert bans[0] not in await store.bans.of_group(TEAM, 5_000, (0, ""), 9)


async def test_decisions_of_two_processes_do_not_overlap(stores: Stores) -> None:
    """Each sees the outcome of the one before, whichever process made it, and the entries have that order too."""
    await stores.ours.keep(team())
    both = [stores.ours, stores.theirs] * 10
    counts = await asyncio.gather(*(store.groups.change(Need(TEAM), grow) for store in both))
    assert sorted(counts) == list(range(2, 22))
    entries = [one.content.membership for one in await owed(stores.theirs) if one.content.HasField("membership")]
    assert [one.updated[0].user_id for one in entries[1:]] == [f"u{n:015}" for n in range(2, 22)]


async def test_two_processes_make_one_group_of_one_request(stores: Stores) -> None:
    """Of the same request at once in two processes one makes a group, and all are given its answer."""

    def decide(scene: Scene, group_id: GroupId) -> Decision[str]:
        if scene.remembered is not None:
            return Decision(scene.remembered.answer)
        group = Group(group_id, Settings("team"), ANN, 1, 1_000)
        member = Member(group_id, ANN, Role.OWNER, 1_000)
        remembered = Remembered(ANN, "one", "print", group_id, stores.ours.clock.now_ms())
        return Decision(group_id, Change(group, (member,), remembered=remembered))

    made = [GroupId(f"g{n:015}") for n in range(8)]
    answers = await asyncio.gather(
        *(
            store.groups.change(Need(group_id, [ANN], request=(ANN, "one")), partial(decide, group_id=group_id))
            for store, group_id in zip([stores.ours, stores.theirs] * 4, made, strict=True)
        )
    )
    assert len(set(answers)) == 1
    views = [await stores.theirs.groups.view(group_id, ANN) for group_id in made]
    assert [view.group.id for view in views if view is not None] == [answers[0]]


async def test_a_reader_of_the_changes_misses_nothing(stores: Stores) -> None:
    """Who asks for what changed after the newest position they were told has it all in the end, while two processes
    make groups at once.
    """
    made = [GroupId(f"g{n:015}") for n in range(24)]
    done = asyncio.Event()

    async def make(store: Store, group_id: GroupId) -> None:
        group = Group(group_id, Settings("team"), ANN, 1, 1_000)
        await store.keep(Change(group, (Member(group_id, ANN, Role.OWNER, 1_000),)))

    async def read() -> set[str]:
        seen, newest = set[str](), 0
        while True:
            last = done.is_set()
            changed = await stores.ours.groups.of_user(ANN, Mark(newest, "~"), 100)
            seen |= {view.group.id for _, view in changed.views}
            assert changed.newest >= newest
            newest = changed.newest
            if last:
                return seen

    reading = asyncio.create_task(read())
    in_turn = zip([stores.ours, stores.theirs] * 12, made, strict=True)
    await asyncio.gather(*(make(store, group_id) for store, group_id in in_turn))
    done.set()
    assert await reading == set(made)
