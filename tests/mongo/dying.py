"""Changes of users and groups, and processes that die between the writes of one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.infrastructure.mongo import Database
from parley.log.v1 import log_service_pb2
from svc_group.domain import changes
from svc_group.domain.ban import Ban
from svc_group.domain.changes import Cause, Change, Remembered
from svc_group.domain.group import Group, Role, Settings
from svc_group.domain.member import Ending, JoinRequest, JoinRequestState, Link, Member
from svc_group.domain.ports import Decision, Mark, MemberFilter, Need, Place, RequestFilter
from svc_group.infrastructure import mongo as groups_on_mongo
from svc_user.domain.account import Profile
from svc_user.domain.friend import FriendRequest, FriendRequestId, RequestState
from svc_user.domain.ports import Registration, RequestQuery, SessionChange
from svc_user.domain.privacy import Audience, Privacy
from svc_user.infrastructure import mongo as users_on_mongo
from tests.conformance.group_stores import ANN, BOB, EVE, TEAM
from tests.conformance.group_stores import Store as Groups
from tests.conformance.test_friend_store import befriended
from tests.conformance.user_stores import NOTICE, NOW, account, encode, session, user
from tests.conformance.user_stores import Store as Users
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

ADA, BEN = user("ada"), user("ben")
REQUEST = FriendRequest(FriendRequestId("f1"), ADA, BEN, "hi", "", NOW)
Act = Callable[[Any], Awaitable[Any]]


@asynccontextmanager
async def users(url: str, call_s: float = 5.0) -> AsyncIterator[Users]:
    """The store of users as a process has it."""
    async with Database(url, users_on_mongo.SCHEMA, call_s=call_s) as database:
        yield Users(*users_on_mongo.stores(database, FakeClock(NOW), encode))


@asynccontextmanager
async def groups(url: str, call_s: float = 5.0) -> AsyncIterator[Groups]:
    """The store of groups as a process has it."""
    clock = FakeClock()
    async with Database(url, groups_on_mongo.SCHEMA, call_s=call_s) as database:
        yield Groups(*groups_on_mongo.stores(database, clock)[:5], clock)


async def _settle(_: Any) -> None:
    """Nothing comes before."""


async def _register(store: Users) -> None:
    await store.accounts.add(account("ada"), "hash", Registration("one", b"f", ADA, NOW))


async def _rename(store: Users) -> None:
    await store.accounts.update(account("ada"), account("ada").with_profile(Profile("Ada L.")), [NOTICE])


async def _log_in(store: Users) -> None:
    opened = SessionChange(opened=session(2), ended=(session(1).session_id,), ended_at_ms=NOW, notices=(NOTICE, NOTICE))
    await store.sessions.commit(opened)


async def _change_password(store: Users) -> None:
    ended = (session(1).session_id,)
    change = SessionChange(password=(ADA, "hash", "new"), ended=ended, ended_at_ms=NOW, notices=(NOTICE,))
    await store.sessions.commit(change)


async def _hide(store: Users) -> None:
    hidden = Privacy().edited({"find_me": Audience.NOBODY}, NOW)
    await store.privacies.change(ADA, Privacy(), hidden, [NOTICE])


async def _delete(store: Users) -> None:
    await store.deletions.begin((await store.accounts.get([ADA]))[ADA], NOW)


async def _has_a_session(store: Users) -> None:
    await _register(store)
    await store.sessions.commit(SessionChange(opened=session(1)))


async def _befriend(store: Users) -> None:
    pair = await store.relations.load(ADA, BEN)
    await store.relations.save(pair, replace(befriended(pair), sent=REQUEST), [NOTICE, NOTICE])


async def _ask(store: Users) -> None:
    pair = await store.relations.load(ADA, BEN)
    await store.relations.save(pair, replace(pair, sent=REQUEST), [])


async def _refuse(store: Users) -> None:
    pair = await store.relations.load(BEN, ADA)
    refused = REQUEST.decided(RequestState.REFUSED, NOW)
    await store.relations.save(pair, replace(pair, received=refused), [NOTICE])


async def _make_group(store: Groups) -> None:
    group = Group(TEAM, Settings("team"), ANN, 2, 1_000)
    members = (Member(TEAM, ANN, Role.OWNER, 1_000), Member(TEAM, BOB, Role.MEMBER, 1_000))
    asked = (JoinRequest(TEAM, EVE, JoinRequestState.AWAITING_USER, 1_000),)
    entries = changes.added(group, ANN, Cause.CREATED, members)
    remembered = Remembered(ANN, "one", "print", TEAM, 1_000)
    await store.keep(Change(group, members, asked, remembered=remembered, entries=entries))


async def _kick(store: Groups) -> None:
    group = Group(TEAM, Settings("team"), ANN, 1, 1_000)
    gone = Member(TEAM, BOB, Role.MEMBER, 1_000, ended=Ending.KICKED, version=2)
    link = Link("i1", TEAM, "token", ANN, 0, 10**15)
    entries = changes.removed(group, ANN, Ending.KICKED, [BOB])
    change = Change(group, (gone,), link=link, entries=entries, bans=(Ban(TEAM, BOB, ANN, 1_000),))
    await store.groups.change(Need(TEAM), lambda _: Decision(None, change))


async def owed(store: Any) -> list[Any]:
    payloads = [debt.payload for debt in await store.outbox.owed(99)]
    return payloads if isinstance(store, Users) else [log_service_pb2.Append.FromString(one) for one in payloads]


OF_ACCOUNTS: dict[str, Act] = {
    "outbox": owed,
    "account": lambda store: store.accounts.get([ADA]),
    "name": lambda store: store.accounts.named("ada"),
    "registration": lambda store: store.accounts.registration("one", NOW),
    "password": lambda store: store.accounts.password_hash(ADA),
    "live": lambda store: store.sessions.live(ADA, NOW),
    "session": lambda store: store.sessions.get(session(1).session_id),
    "ended": lambda store: store.sessions.ended_since(NOW),
}
OF_PAIRS: dict[str, Act] = {
    "outbox": owed,
    "pair": lambda store: store.relations.load(BEN, ADA),
    "sides": lambda store: store.relations.sides([(ADA, BEN)]),
    "list": lambda store: store.relations.entries(ADA, 0, 9),
    "request": lambda store: store.relations.request(REQUEST.request_id),
    "requests": lambda store: store.relations.requests(RequestQuery(BEN, True, 0, None, "", 9)),  # noqa: FBT003
}
OF_GROUPS: dict[str, Act] = {
    "outbox": owed,
    "scene": lambda store: store.groups.look(
        Need(TEAM, [ANN, BOB, EVE], everyone=True, request=(ANN, "one")), lambda scene: scene
    ),
    "scene of a link": lambda store: store.groups.look(Need(token="token"), lambda scene: scene.link),
    "view": lambda store: store.groups.view(TEAM, BOB),
    "of user": lambda store: store.groups.of_user(BOB, Mark(), 9),
    "members": lambda store: store.members.page(TEAM, MemberFilter(), Place(), 9),
    "member": lambda store: store.members.one(TEAM, BOB),
    "join requests": lambda store: store.ways_in.join_requests(RequestFilter(user_id=EVE), (0, ""), 9),
    "join request": lambda store: store.ways_in.join_request(TEAM, EVE),
    "link": lambda store: store.ways_in.link("token"),
    "bans": lambda store: store.bans.of_group(TEAM, 0, (0, ""), 9),
    "links": lambda store: store.ways_in.links(TEAM, "", 0, "", 9),
}


@dataclass(frozen=True)
class Story:
    """What is there, what happens then, how many writes that takes, and which one of them counts."""

    open: Callable[..., Any]
    reads: dict[str, Act]
    before: Act
    act: Act
    writes: int
    decides: int


STORIES = {
    "register": Story(users, OF_ACCOUNTS, _settle, _register, 2, 2),
    "rename": Story(users, OF_ACCOUNTS, _register, _rename, 4, 2),
    "log in": Story(users, OF_ACCOUNTS, _has_a_session, _log_in, 5, 3),
    "change password": Story(users, OF_ACCOUNTS, _has_a_session, _change_password, 4, 2),
    "settings": Story(users, OF_ACCOUNTS, _register, _hide, 4, 2),
    "delete": Story(users, OF_ACCOUNTS, _has_a_session, _delete, 1, 1),
    "befriend": Story(users, OF_PAIRS, _settle, _befriend, 9, 4),
    "refuse": Story(users, OF_PAIRS, _ask, _refuse, 5, 2),
    "make a group": Story(groups, OF_GROUPS, _settle, _make_group, 13, 7),
    "kick": Story(groups, OF_GROUPS, _make_group, _kick, 9, 3),
}


async def look(story: Story, store: Any) -> dict[str, Any]:
    """What all reads see, without positions: while a change seems to be on its way they stay behind it."""
    seen = {name: await read(store) for name, read in story.reads.items()}
    if "list" in seen:
        seen["list"] = seen["list"].sides
    if "of user" in seen:
        seen["of user"] = [view for _, view in seen["of user"].views]
    return seen


@asynccontextmanager
async def died(story: Story, writes: int) -> AsyncIterator[Any]:
    """The store after a process that ended when it had made so many writes of the change."""
    async with fresh_url() as url, story.open(url) as store:
        await story.before(store)
        async with Proxy() as proxy, story.open(proxy.over(url), call_s=2) as dying:
            proxy.writes_left = writes
            with pytest.raises(MeshError) as refused:
                await story.act(dying)
            assert proxy.dead
        assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "STORE_UNAVAILABLE")
        yield store


async def whole(story: Story) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is seen before and after a change that nothing interrupts."""
    async with fresh_url() as url, story.open(url) as store:
        await story.before(store)
        before = await look(story, store)
        await story.act(store)
        return before, await look(story, store)
