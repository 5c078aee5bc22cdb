"""What every store of groups keeps of the ways into a group: requests, links, and bans."""

from dataclasses import replace

import pytest

from svc_group.domain.ban import Ban
from svc_group.domain.changes import Change
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import REQUEST_KEPT_MS, JoinRequest, JoinRequestState, Link
from svc_group.domain.ports import Need, RequestFilter
from svc_group.infrastructure.mongo import ways_in as on_mongo
from svc_group.infrastructure.sqlite import ways_in as on_sqlite
from tests.conformance import group_stores
from tests.conformance.group_stores import ANN, BOB, DAY_MS, EVE, TEAM, Store, Stores, team

DROPPED = 5


stores, store = group_stores.stores, group_stores.store


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


async def test_old_join_requests_are_dropped(stores: Stores) -> None:
    """What was made over 90 days ago goes with the next request of any group, however it ended; the rest stays."""
    now = stores.ours.clock.now_ms()
    made, other = now - REQUEST_KEPT_MS, GroupId("g" + "2" * 15)
    old = JoinRequest(other, ANN, JoinRequestState.REFUSED, made - 1)
    expired = JoinRequest(other, BOB, JoinRequestState.PENDING, made - 2)
    young = JoinRequest(other, EVE, JoinRequestState.ACCEPTED, made)
    await stores.ours.keep(Change(join_requests=(old, expired, young)))
    assert len(await stores.theirs.ways_in.join_requests(RequestFilter(other), (0, ""), 9)) == 3
    asked = JoinRequest(TEAM, ANN, JoinRequestState.PENDING, now)
    await stores.theirs.keep(Change(join_requests=(asked,)))
    assert await stores.ours.ways_in.join_requests(RequestFilter(other), (0, ""), 9) == [young]
    assert await stores.ours.ways_in.join_request(other, ANN) is None
    seen = await stores.ours.groups.look(Need(other, [ANN, BOB, EVE]), lambda scene: scene)
    assert seen.join_requests == {EVE: young}
    assert await stores.ours.ways_in.join_requests(RequestFilter(user_id=ANN), (0, ""), 9) == [asked]


async def test_old_join_requests_go_some_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are old, one change takes away so many and no more, the oldest first; one made anew stays."""
    for adapter in (on_sqlite, on_mongo):
        monkeypatch.setattr(adapter, "REQUESTS_DROPPED", DROPPED)
    now = store.clock.now_ms()
    users = [UserId(f"u{number:015}") for number in range(DROPPED + 3)]
    made = now - REQUEST_KEPT_MS - len(users)
    old = (JoinRequest(TEAM, user, JoinRequestState.REFUSED, made + at) for at, user in enumerate(users))
    await store.keep(Change(join_requests=tuple(old)))
    anew = JoinRequest(TEAM, users[0], JoinRequestState.PENDING, now)
    await store.keep(Change(join_requests=(anew,)))
    left = await store.ways_in.join_requests(RequestFilter(TEAM), (0, ""), 9)
    assert [request.user_id for request in left] == [users[0], *reversed(users[DROPPED:])]
    await store.keep(Change(join_requests=(anew,)))
    assert await store.ways_in.join_requests(RequestFilter(TEAM), (0, ""), 9) == [anew]
