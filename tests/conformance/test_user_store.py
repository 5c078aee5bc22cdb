"""One suite for every store of accounts and sessions: what the ports of `svc_user.domain.ports` promise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.session_end import SessionEnd
from svc_user.application.sessions import notices_of
from svc_user.domain.account import Profile
from svc_user.domain.notice import Notice, SessionEvent
from svc_user.domain.ports import (
    Registration,
    SessionChange,
    Stale,
    UsernameTaken,
)
from svc_user.domain.session import DeviceId, SessionId
from tests.conformance.user_stores import DAY, NOTICE, NOW, STORES, Store, Stores, account, encode, session, user


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Each adapter in turn, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores


@pytest.fixture
def store(stores: Stores) -> Store:
    """It as one process has it."""
    return stores.ours


async def test_an_account_comes_back_as_it_was_kept(store: Store) -> None:
    """All fields of account and profile, by id and by name; unknown ones are left out."""
    full = replace(account("ada"), profile=Profile("Ada", "m1", "bio", "1990-12-10", "de", "here", "she"))
    await store.accounts.add(full, "hash", None)
    assert await store.accounts.get([user("ada"), user("bob")]) == {user("ada"): full}
    assert await store.accounts.named("ada") == full
    assert await store.accounts.named("bob") is None
    assert await store.accounts.password_hash(user("ada")) == "hash"
    assert await store.accounts.password_hash(user("bob")) == ""


async def test_a_name_is_given_once(store: Store) -> None:
    """Of many at once one gets it."""
    tries = [store.accounts.add(replace(account("ada"), user_id=user(str(n))), "", None) for n in range(5)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == 4


async def test_a_request_id_makes_one_account_a_day(store: Store) -> None:
    """A second use is stale and keeps nothing; after 24 hours it is free again."""
    first = Registration("one", b"f", user("ada"), NOW)
    await store.accounts.add(account("ada"), "", first)
    assert await store.accounts.registration("one", NOW - DAY) == first
    assert await store.accounts.registration("one", NOW + 1) is None
    with pytest.raises(Stale):
        await store.accounts.add(account("bob"), "", replace(first, user_id=user("bob")))
    assert await store.accounts.named("bob") is None
    later = replace(first, user_id=user("bob"), created_at_ms=NOW + DAY + 1)
    await store.accounts.add(account("bob"), "", later)
    assert await store.accounts.registration("one", NOW) == later


async def test_names_are_found_by_their_beginning(store: Store) -> None:
    """In order, from a name on, at most so many; wildcards of a database mean nothing."""
    for name in ("bob", "adam", "ada", "a_b", "adele"):
        await store.accounts.add(account(name), "", None)

    async def names(prefix: str, after: str = "", limit: int = 10) -> list[str]:
        return [one.username for one in await store.accounts.starting_with(prefix, after, limit)]

    assert await names("ad") == ["ada", "adam", "adele"]
    assert await names("ad", "ada", 1) == ["adam"]
    assert await names("a%") == await names("a.") == await names("[a]") == []
    assert await names("a_") == ["a_b"]


async def test_a_profile_changes_from_the_version_it_was_read_at(store: Store) -> None:
    """With its notice, or not at all."""
    before = account("ada")
    await store.accounts.add(before, "", None)
    after = before.with_profile(Profile("Ada"))
    await store.accounts.update(before, after, [NOTICE])
    with pytest.raises(Stale):
        await store.accounts.update(before, after, [NOTICE])
    assert await store.accounts.named("ada") == after
    assert await store.owed() == [encode(NOTICE)]


async def test_a_session_comes_back_as_it_was_kept(store: Store) -> None:
    """All fields; live ones the latest seen first; the device remembers its owner."""
    one, two = session(1), session(2)
    for opened in (one, two):
        await store.sessions.commit(SessionChange(opened=opened))
    assert await store.sessions.get(one.session_id) == one
    assert await store.sessions.live(user("ada"), NOW) == [two, one]
    assert await store.sessions.live(user("ada"), NOW + DAY) == []
    assert await store.sessions.owner(one.device_id) == user("ada")
    assert await store.sessions.owner(DeviceId("d" + "9" * 15)) is None
    unknown = SessionId("s" + "9" * 15)
    assert await store.sessions.live_ids([one.session_id, unknown], NOW) == {one.session_id}
    assert await store.sessions.live_ids([one.session_id], NOW + DAY) == set()


async def test_a_device_has_one_live_session(store: Store) -> None:
    """A second one is stale, unless the first ends in the same change, or has expired."""
    one, two = session(1), session(2, device_id=session(1).device_id)
    await store.sessions.commit(SessionChange(opened=one))
    with pytest.raises(Stale):
        await store.sessions.commit(SessionChange(opened=two, notices=(NOTICE,)))
    assert await store.owed() == []
    await store.sessions.commit(SessionChange(opened=two, ended=(one.session_id,), ended_at_ms=NOW + 1))
    ended = await store.sessions.get(one.session_id)
    assert ended is not None
    assert ended.ended_at_ms == NOW + 1
    three = session(3, device_id=one.device_id, created_at_ms=NOW + DAY)
    await store.sessions.commit(SessionChange(opened=three))


async def test_the_end_of_a_session_is_told_once(store: Store) -> None:
    """Of two who end it, having both seen it live, the first one's notice is owed and its reason stays; what else a
    change says is owed however late it is.
    """
    one, two = session(1), session(2)
    for opened in (one, two):
        await store.sessions.commit(SessionChange(opened=opened))
    ends = [(SessionEnd.REVOKED, (one,)), (SessionEnd.LOGGED_OUT, (one, two)), (SessionEnd.REVOKED, (one, two))]
    for why, sessions in ends:
        ids = tuple(each.session_id for each in sessions)
        notices: tuple[Notice, ...] = (*notices_of(sessions, SessionEvent.REVOKED), NOTICE)
        await store.sessions.commit(SessionChange(ended=ids, ended_at_ms=NOW, end=why, notices=notices))
    [first], [second] = (notices_of((each,), SessionEvent.REVOKED) for each in (one, two))
    told: list[Notice] = [first, NOTICE, second, NOTICE, NOTICE]
    assert await store.owed() == [encode(each) for each in told]
    assert await store.sessions.ends([one.session_id, two.session_id]) == {
        one.session_id: SessionEnd.REVOKED,
        two.session_id: SessionEnd.LOGGED_OUT,
    }


async def test_a_log_in_opens_one_session(store: Store) -> None:
    """The same request key twice is stale while the first session lives."""
    one, two = session(1), session(2, request_key=session(1).request_key)
    await store.sessions.commit(SessionChange(opened=one))
    with pytest.raises(Stale):
        await store.sessions.commit(SessionChange(opened=two))
    await store.sessions.commit(SessionChange(ended=(one.session_id,), ended_at_ms=NOW))
    await store.sessions.commit(SessionChange(opened=two))


async def test_a_session_is_renewed_from_the_hash_it_was_read_with(store: Store) -> None:
    """Of two refreshes at once one counts; an ended session is not renewed."""
    before = session(1)
    await store.sessions.commit(SessionChange(opened=before))
    afters = [before.rotated(token, NOW + 1, "10.0.0.2") for token in ("x", "y")]
    changes = [store.sessions.commit(SessionChange(renewed=(before, after))) for after in afters]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(isinstance(outcome, Stale) for outcome in outcomes) == [False, True]
    kept = await store.sessions.get(before.session_id)
    assert kept in afters
    assert kept is not None
    await store.sessions.commit(SessionChange(ended=(before.session_id,), ended_at_ms=NOW))
    with pytest.raises(Stale):
        await store.sessions.commit(SessionChange(renewed=(kept, kept.reissued("z", NOW))))


async def test_a_password_changes_from_the_one_that_was_checked(store: Store) -> None:
    """With the end of the other sessions, or not at all."""
    await store.accounts.add(account("ada"), "old", None)
    await store.sessions.commit(SessionChange(opened=session(1)))
    change = SessionChange(
        password=(user("ada"), "old", "new"), ended=(session(1).session_id,), ended_at_ms=NOW, notices=(NOTICE,)
    )
    await store.sessions.commit(change)
    assert await store.accounts.password_hash(user("ada")) == "new"
    assert await store.sessions.live(user("ada"), NOW) == []
    with pytest.raises(Stale):
        await store.sessions.commit(change)
    assert len(await store.owed()) == 1


async def test_a_session_is_opened_only_with_the_password_that_holds(store: Store) -> None:
    """Looked at and not changed: the same hash opens a session and stays, another one opens none."""
    await store.accounts.add(account("ada"), "old", None)
    await store.sessions.commit(SessionChange(opened=session(1), password=(user("ada"), "old", "old")))
    assert await store.accounts.password_hash(user("ada")) == "old"
    with pytest.raises(Stale):
        await store.sessions.commit(SessionChange(opened=session(2), password=(user("ada"), "new", "new")))
    assert [one.session_id for one in await store.sessions.live(user("ada"), NOW)] == [session(1).session_id]


async def test_sessions_that_ended_long_ago_are_forgotten(store: Store) -> None:
    """A month after its end a session is gone with the next log-in of its user."""
    await store.sessions.commit(SessionChange(opened=session(1)))
    await store.sessions.commit(SessionChange(ended=(session(1).session_id,), ended_at_ms=NOW))
    await store.sessions.commit(SessionChange(opened=session(2, created_at_ms=NOW + 29 * DAY)))
    assert await store.sessions.get(session(1).session_id) is not None
    await store.sessions.commit(SessionChange(opened=session(3, created_at_ms=NOW + 31 * DAY)))
    assert await store.sessions.get(session(1).session_id) is None


async def test_sessions_that_ended_lately_are_found(store: Store) -> None:
    """Those that were ended from this time on, but not the living and not the older ones."""
    for number in (1, 2, 3):
        await store.sessions.commit(SessionChange(opened=session(number)))
    await store.sessions.commit(SessionChange(ended=(session(1).session_id,), ended_at_ms=NOW))
    await store.sessions.commit(SessionChange(ended=(session(2).session_id,), ended_at_ms=NOW + 10))
    assert await store.sessions.ended_since(NOW + 5) == [session(2).session_id]
    assert await store.sessions.ended_since(NOW + 11) == []


async def test_what_was_kept_is_there_for_the_next_process(stores: Stores) -> None:
    """Opened again, the store has it all."""
    await stores.ours.accounts.add(account("ada"), "hash", None)
    async with stores.again() as store:
        assert await store.accounts.named("ada") == account("ada")
        assert await store.accounts.password_hash(user("ada")) == "hash"


async def test_two_processes_give_a_name_and_a_request_id_once(stores: Stores) -> None:
    """Of accounts made at once under one name one is kept, and of those made with one request id too."""
    both = [stores.ours, stores.theirs] * 4
    named = [
        store.accounts.add(replace(account("ada"), user_id=user(f"n{n}")), "", None) for n, store in enumerate(both)
    ]
    outcomes = await asyncio.gather(*named, return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [UsernameTaken] * 7
    asked = [
        store.accounts.add(account(f"r{n}"), "", Registration("one", b"f", user(f"r{n}"), NOW))
        for n, store in enumerate(both)
    ]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [Stale] * 7
    made = await stores.theirs.accounts.get([user(f"r{n}") for n in range(8)])
    kept = await stores.ours.accounts.registration("one", NOW)
    assert kept is not None
    assert list(made) == [kept.user_id]


async def test_two_processes_open_one_session_a_device(stores: Stores) -> None:
    """Of log-ins of one device at once, also of two users, one is kept, and its notice alone is owed."""
    changes = [
        SessionChange(opened=session(n, owner, device_id=session(1).device_id), notices=(NOTICE,))
        for n, owner in enumerate(("ada", "ada", "bob", "bob"), 1)
    ]
    both = [stores.ours, stores.theirs] * 2
    commits = [store.sessions.commit(change) for store, change in zip(both, changes, strict=True)]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [Stale] * 3
    live = [one for owner in ("ada", "bob") for one in await stores.theirs.sessions.live(user(owner), NOW)]
    assert len(live) == 1
    assert await stores.ours.owed() == [encode(NOTICE)]


async def test_two_processes_lose_no_change_of_one_user(stores: Stores) -> None:
    """Log-ins, refreshes and a new profile at the same moment are all kept: they have nothing to do with each other."""
    await stores.ours.accounts.add(account("ada"), "", None)
    first = session(1)
    await stores.ours.sessions.commit(SessionChange(opened=first))
    rotated = first.rotated("next", NOW + 50, "10.0.0.2")
    opened = [session(n) for n in range(2, 8)]
    await asyncio.gather(
        stores.theirs.sessions.commit(SessionChange(renewed=(first, rotated))),
        stores.ours.accounts.update(account("ada"), account("ada").with_profile(Profile("Ada L.")), [NOTICE]),
        *(
            store.sessions.commit(SessionChange(opened=one))
            for store, one in zip([stores.ours, stores.theirs] * 3, opened, strict=True)
        ),
    )
    assert {one.session_id for one in await stores.ours.sessions.live(user("ada"), NOW)} == {
        one.session_id for one in (first, *opened)
    }
    assert await stores.ours.sessions.get(first.session_id) == rotated
    assert await stores.ours.accounts.named("ada") == account("ada").with_profile(Profile("Ada L."))
