"""One suite for every store of deletions: what `svc_user.domain.deletion.Deletions` promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.session_end import SessionEnd
from svc_user.domain.account import Account, Profile, UserState
from svc_user.domain.ports import SessionChange, Stale
from svc_user.domain.privacy import Audience, Privacy
from svc_user.domain.push import PushTarget
from tests.conformance.user_stores import NOW, STORES, Store, Stores, account, session, user


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Each adapter in turn, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores


async def ada(store: Store) -> Account:
    """An account with a profile, settings, two sessions and a push target."""
    profile = Profile("Ada", "m1", "bio", "1990-12-10", "de", "here", "she")
    await store.accounts.add(replace(account("ada"), profile=profile), "hash", None)
    hidden = Privacy().edited({"find_me": Audience.NOBODY}, NOW)
    await store.privacies.change(user("ada"), Privacy(), hidden, [])
    for number in (1, 2, 3):
        await store.sessions.commit(SessionChange(opened=session(number)))
    await store.sessions.commit(SessionChange(ended=(session(3).session_id,), ended_at_ms=NOW, end=SessionEnd.REVOKED))
    one = session(1)
    await store.push_targets.keep(PushTarget(one.session_id, one.user_id, one.device_id, 1, "token", "", NOW))
    return (await store.accounts.get([user("ada")]))[user("ada")]


async def test_an_account_is_erased_with_all_that_is_its_own(stores: Stores) -> None:
    """Profile, settings, password and push targets are gone, live sessions ended and returned, and the rest waits."""
    store = stores.ours
    before = await ada(store)
    ended = await store.deletions.begin(before, NOW + 5)
    assert {one.session_id for one in ended} == {session(1).session_id, session(2).session_id}
    left = (await stores.theirs.accounts.get([user("ada")]))[user("ada")]
    assert left == Account(user("ada"), "", Profile(""), NOW, state=UserState.DELETED, version=2)
    assert await store.accounts.password_hash(user("ada")) == ""
    assert await store.sessions.live(user("ada"), NOW) == []
    ids = [session(number).session_id for number in (1, 2, 3)]
    gone, revoked = SessionEnd.ACCOUNT_DELETED, SessionEnd.REVOKED
    assert await store.sessions.ends(ids) == dict(zip(ids, (gone, gone, revoked), strict=True))
    assert await store.push_targets.of([user("ada")], NOW) == {}
    assert await stores.theirs.deletions.pending(9) == [user("ada")]


async def test_what_is_done_waits_no_more(stores: Stores) -> None:
    """Twice is no error, and the account stays erased."""
    store = stores.ours
    await store.deletions.begin(await ada(store), NOW)
    for _ in range(2):
        await store.deletions.done(user("ada"))
    assert await store.deletions.pending(9) == []
    assert (await store.accounts.get([user("ada")]))[user("ada")].state is UserState.DELETED


async def test_an_account_is_erased_as_it_was_read(stores: Stores) -> None:
    """Not after it changed, and not twice; of two processes one does it."""
    before = await ada(stores.ours)
    renamed = before.with_profile(Profile("Ada L."))
    await stores.ours.accounts.update(before, renamed, [])
    with pytest.raises(Stale):
        await stores.ours.deletions.begin(before, NOW)
    outcomes = await asyncio.gather(
        stores.ours.deletions.begin(renamed, NOW), stores.theirs.deletions.begin(renamed, NOW), return_exceptions=True
    )
    assert sorted(isinstance(outcome, Stale) for outcome in outcomes) == [False, True]
    with pytest.raises(Stale):
        await stores.ours.deletions.begin(replace(renamed, user_id=user("eve")), NOW)


async def test_those_who_went_first_come_first(stores: Stores) -> None:
    """At most so many at a time."""
    for number, name in enumerate(("cyd", "bob", "dan")):
        await stores.ours.accounts.add(account(name), "", None)
        await stores.ours.deletions.begin(account(name), NOW + number)
    assert await stores.ours.deletions.pending(2) == [user("cyd"), user("bob")]
