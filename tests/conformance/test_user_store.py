"""One suite for every store of accounts and sessions: what the ports of `svc_user.domain.ports` promise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from svc_user.domain.account import Profile
from svc_user.domain.ports import (
    Registration,
    SessionChange,
    Stale,
    UsernameTaken,
)
from svc_user.domain.session import DeviceId, SessionId
from tests.conformance.user_stores import DAY, NOTICE, NOW, Store, account, encode, session, sqlite, user


@pytest.fixture(params=[sqlite])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Each adapter in turn, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Store]] = request.param
    async with opened(tmp_path) as store:
        yield store


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


async def test_what_was_kept_outlives_the_process(tmp_path: Path) -> None:
    """Closed and opened again, the file has it all."""
    async with sqlite(tmp_path) as store:
        await store.accounts.add(account("ada"), "hash", None)
    async with sqlite(tmp_path) as store:
        assert await store.accounts.named("ada") == account("ada")
