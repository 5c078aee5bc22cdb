"""Changes of users and groups that died between their writes: whoever looks next sees all of it or nothing."""

from dataclasses import replace

import pytest

from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, Role, Settings
from svc_group.domain.member import Member
from svc_group.domain.ports import Mark
from svc_user.domain.ports import SessionChange
from svc_user.infrastructure.mongo import sessions
from tests.conformance.group_stores import ANN, TEAM
from tests.conformance.test_friend_store import befriended
from tests.conformance.user_stores import NOW, session, user
from tests.mongo.dying import ADA, STORIES, died, look, owed, users, whole
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", STORIES)
async def test_the_writes_of_a_change(name: str) -> None:
    """The tests below let a process die before each write that there is."""
    story = STORIES[name]
    async with fresh_url() as url, Proxy() as proxy, story.open(url) as store, story.open(proxy.over(url)) as dying:
        await story.before(store)
        before = proxy.writes
        await story.act(dying)
        assert proxy.writes - before == story.writes


@pytest.mark.parametrize("name", STORIES)
async def test_a_change_that_died_happened_or_did_not(name: str) -> None:
    """Before the write that counts nothing happened, and from it on everything did, wherever the process died."""
    story = STORIES[name]
    before, after = await whole(story)
    assert before != after
    for writes in range(story.writes):
        async with died(story, writes) as store:
            assert await look(story, store) == (after if writes >= story.decides else before), writes


@pytest.mark.parametrize("name", [name for name, story in STORIES.items() if story.writes > story.decides])
async def test_the_first_reader_sees_it_whole(name: str) -> None:
    """Whatever is read first after a process died right after the write that counts is as if it had gone on."""
    story = STORIES[name]
    _, after = await whole(story)
    for what in story.reads:
        async with died(story, story.decides) as store:
            assert (await look(replace(story, reads={what: story.reads[what]}), store))[what] == after[what], what


@pytest.mark.parametrize("name", ["befriend", "make a group", "log in"])
async def test_what_died_can_be_done_again(name: str) -> None:
    """Who got no answer repeats it: it is refused as done, or done, and its debts are owed once."""
    story = STORIES[name]
    _, after = await whole(story)
    for writes in range(story.writes):
        async with died(story, writes) as store:
            if writes < story.decides:
                await story.act(store)
            assert await owed(store) == after["outbox"], writes


async def test_no_version_is_told_that_a_change_on_its_way_may_still_have() -> None:
    """While a friendship has taken a version and is not kept, readers of the list see later ones and stay before it."""
    async with died(STORIES["befriend"], 1) as store:
        pair = await store.relations.load(ADA, user("cyd"))
        await store.relations.save(pair, befriended(pair), [])
        entries = await store.relations.entries(ADA, 0, 9)
        assert ([side.version for side in entries.sides], entries.version) == ([2], 0)


async def test_no_position_is_told_that_a_change_on_its_way_may_still_have() -> None:
    """The same for a user's groups: a member who was about to be removed, and a group that was made after that."""
    async with died(STORIES["kick"], 1) as store:
        other = replace(Group(TEAM, Settings("other"), ANN, 1, 1_000), id=GroupId("g" + "2" * 15))
        await store.keep(Change(other, (Member(other.id, ANN, Role.OWNER, 1_000),)))
        changed = await store.groups.of_user(ANN, Mark(), 9)
        positions = [mark.change for mark, _ in changed.views]
        assert positions == [changed.newest, changed.newest + 2]


async def test_an_account_remembers_so_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that ended first makes room; those that live stay."""
    monkeypatch.setattr(sessions, "MAX_ENDED", 2)
    async with fresh_url() as url, users(url) as store:
        await store.sessions.commit(SessionChange(opened=session(9)))
        for number in range(1, 5):
            await store.sessions.commit(SessionChange(opened=session(number)))
            await store.sessions.commit(SessionChange(ended=(session(number).session_id,), ended_at_ms=NOW + number))
        await store.sessions.commit(SessionChange(opened=session(5)))
        kept = [number for number in (1, 2, 3, 4, 5, 9) if await store.sessions.get(session(number).session_id)]
        assert kept == [3, 4, 5, 9]
