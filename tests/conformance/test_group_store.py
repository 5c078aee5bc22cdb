"""What every store of groups must do, whatever it is made of."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from svc_group.domain import changes
from svc_group.domain.changes import Change, Remembered
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
from svc_group.domain.ports import Decision, Mark, MemberFilter, Need, Place, Scene
from tests.conformance import group_stores
from tests.conformance.group_stores import ANN, BOB, EVE, TEAM, Store, Stores, owed, team

stores, store = group_stores.stores, group_stores.store


async def test_what_is_kept_comes_back(store: Store) -> None:
    """Every field of group, member, request and link survives the store."""
    settings = Settings("team", "m", "intro", JoinPolicy.OPEN, "why?", mute_all=True, slow_mode_seconds=3)
    announcement = Announcement(2, "text", required_reading=True, author_id=ANN, created_at_ms=5)
    group = Group(TEAM, settings, ANN, 1, 7, 3, GroupState.ACTIVE, announcement, 2, GroupLimits(10, 11, 12, 13))
    member = Member(TEAM, ANN, Role.OWNER, 8, "Ann", "A", "mine", BOB, 9, 2, 4, bot=True)
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


def grow(scene: Scene) -> Decision[int]:
    """One member more, with an entry that says so."""
    assert scene.group is not None
    after = replace(scene.group, member_count=scene.group.member_count + 1, version=scene.group.version + 1)
    member = Member(TEAM, UserId(f"u{after.member_count:015}"), Role.MEMBER, 2_000)
    return Decision(after.member_count, Change(after, (member,), entries=changes.updated(after, ANN, member)))


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
