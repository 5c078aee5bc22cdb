"""One suite for every store of settings and push targets: what `Privacies` and `PushTargets` promise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.session_end import SessionEnd
from svc_user.domain.ports import SessionChange, Stale
from svc_user.domain.privacy import Audience, Privacy, SeenAs
from svc_user.domain.push import MAX_TARGETS, PushTarget
from svc_user.domain.session import Session
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


def target(of: Session, token: str, **fields: object) -> PushTarget:
    """A target of a session's device."""
    base = PushTarget(of.session_id, of.user_id, of.device_id, 2, token, "app", NOW)
    return replace(base, **fields)  # type: ignore[arg-type]


async def opened(store: Store, *sessions: Session) -> None:
    """Keep live sessions."""
    for one in sessions:
        await store.sessions.commit(SessionChange(opened=one))


async def tokens(store: Store, *names: str, now: int = NOW) -> dict[str, list[str]]:
    """The tokens of users, by name."""
    found = await store.push_targets.of([user(name) for name in names], now)
    return {name: [one.token for one in found[user(name)]] for name in names if user(name) in found}


async def test_settings_change_from_those_they_were_read_as(store: Store) -> None:
    """With their notice, or not at all; back at the defaults they are those of a new account but for the version."""
    await store.accounts.add(account("ada"), "", None)
    before = Privacy()
    closed = before.edited({"write_to_me": Audience.FRIENDS, "hide_push_content": True, "seen_as": SeenAs.OFFLINE}, NOW)
    await store.privacies.change(user("ada"), before, closed, [NOTICE])
    with pytest.raises(Stale):
        await store.privacies.change(user("ada"), before, closed, [NOTICE])
    kept = await store.accounts.named("ada")
    assert kept == replace(account("ada"), privacy=closed)
    assert closed.version == 1
    assert await store.owed() == [encode(NOTICE)]
    reopened = closed.edited({"write_to_me": None, "hide_push_content": False, "seen_as": None}, NOW + 1)
    await store.privacies.change(user("ada"), closed, reopened, [])
    assert (await store.accounts.get([user("ada")]))[user("ada")].privacy == Privacy(version=2, seen_as_at_ms=NOW + 1)


async def test_settings_of_nobody_are_stale(store: Store) -> None:
    """Without an account nothing is kept."""
    with pytest.raises(Stale):
        await store.privacies.change(user("ada"), Privacy(), Privacy().edited({"hide_read_receipts": True}, NOW), [])
    assert await store.accounts.get([user("ada")]) == {}


async def test_two_processes_change_settings_one_after_the_other(stores: Stores) -> None:
    """Of changes from one state at once one is kept; a profile that changes meanwhile is not in their way."""
    await stores.ours.accounts.add(account("ada"), "", None)
    changes = [Privacy().edited({"find_me": audience}, NOW) for audience in (Audience.FRIENDS, Audience.NOBODY)]
    renamed = account("ada").with_profile(replace(account("ada").profile, bio="new"))
    outcomes = await asyncio.gather(
        stores.ours.privacies.change(user("ada"), Privacy(), changes[0], []),
        stores.theirs.privacies.change(user("ada"), Privacy(), changes[1], []),
        stores.theirs.accounts.update(account("ada"), renamed, []),
        return_exceptions=True,
    )
    assert sorted(isinstance(outcome, Stale) for outcome in outcomes) == [False, False, True]
    kept = await stores.ours.accounts.named("ada")
    assert kept is not None
    assert kept.privacy in changes
    assert kept.profile.bio == "new"


async def test_a_target_comes_back_as_it_was_kept(store: Store) -> None:
    """All fields; one a session, the latest; by user, the one set last first; who has none is left out."""
    one, two = session(1), session(2)
    await opened(store, one, two)
    first, second = target(one, "a"), target(two, "b", set_at_ms=NOW + 1, provider=1, app_id="")
    for kept in (target(one, "older"), first, second):
        await store.push_targets.keep(kept)
    assert await store.push_targets.of([user("ada"), user("bob")], NOW) == {user("ada"): [second, first]}
    await store.push_targets.remove(one.session_id)
    await store.push_targets.remove(one.session_id)
    assert await tokens(store, "ada") == {"ada": ["b"]}


async def test_a_token_belongs_to_the_latest_device(store: Store) -> None:
    """A phone that changes hands takes its token along; another provider's token of the same text is another one."""
    ada, bob, cyd = session(1), session(2, "bob"), session(3, "cyd")
    await opened(store, ada, bob, cyd)
    await store.push_targets.keep(target(ada, "phone"))
    await store.push_targets.keep(target(cyd, "phone", provider=3))
    await store.push_targets.keep(target(bob, "phone", set_at_ms=NOW + 1))
    assert await tokens(store, "ada", "bob", "cyd") == {"bob": ["phone"], "cyd": ["phone"]}


async def test_a_dead_token_is_forgotten(store: Store) -> None:
    """That very one, of that user; another one, another provider's and another user's stay, and it may come again."""
    one, two, bob = session(1), session(2), session(3, "bob")
    await opened(store, one, two, bob)
    first = target(one, "dead")
    for kept in (first, target(two, "dead", provider=3), target(bob, "alive")):
        await store.push_targets.keep(kept)
    await store.push_targets.forget(user("bob"), first.provider, "dead")
    await store.push_targets.forget(user("ada"), first.provider, "alive")
    assert await tokens(store, "ada", "bob") == {"ada": ["dead", "dead"], "bob": ["alive"]}
    for _ in range(2):
        await store.push_targets.forget(user("ada"), first.provider, "dead")
    assert (await store.push_targets.of([user("ada")], NOW))[user("ada")] == [target(two, "dead", provider=3)]
    await store.push_targets.keep(first)
    assert await tokens(store, "ada") == {"ada": ["dead", "dead"]}


async def test_a_target_ends_with_its_session(store: Store) -> None:
    """An ended and an expired session have none, and a new session of the same device begins without."""
    one, two = session(1), session(2, expires_at_ms=NOW + 2 * DAY)
    await opened(store, one, two)
    for each in (one, two):
        await store.push_targets.keep(target(each, f"token of {each.session_id}"))
    assert await tokens(store, "ada", now=NOW + DAY) == {"ada": [f"token of {two.session_id}"]}
    end = SessionChange(ended=(two.session_id,), ended_at_ms=NOW, end=SessionEnd.REVOKED)
    await store.sessions.commit(end)
    assert await tokens(store, "ada") == {"ada": [f"token of {one.session_id}"]}
    await opened(store, session(3, device_id=two.device_id))
    assert await tokens(store, "ada") == {"ada": [f"token of {one.session_id}"]}


async def test_a_user_has_as_many_targets_as_are_told(store: Store) -> None:
    """Beyond the limit those that were set first are not told."""
    sessions = [session(number) for number in range(1, MAX_TARGETS + 3)]
    await opened(store, *sessions)
    for number, each in enumerate(sessions):
        await store.push_targets.keep(target(each, f"t{number}", set_at_ms=NOW + number))
    assert await tokens(store, "ada") == {"ada": [f"t{n}" for n in range(MAX_TARGETS + 1, 1, -1)]}


async def test_two_processes_give_a_token_to_one_device(stores: Stores) -> None:
    """Devices of many users that name one token at the same moment: one of them has it."""
    sessions = [session(number, f"p{number}") for number in range(1, 7)]
    await opened(stores.ours, *sessions)
    both = [stores.ours, stores.theirs] * 3
    await asyncio.gather(
        *(store.push_targets.keep(target(each, "one")) for store, each in zip(both, sessions, strict=True))
    )
    assert len(await tokens(stores.ours, *(f"p{number}" for number in range(1, 7)))) == 1


async def test_why_a_session_ended_is_kept(store: Store) -> None:
    """The first reason stays, and a device that has another name keeps it until its session ends."""
    one = session(1)
    await opened(store, one)
    await store.sessions.commit(SessionChange(renamed=(one.session_id, "tablet"), notices=(NOTICE,)))
    for why in (SessionEnd.DISPLACED, SessionEnd.LOGGED_OUT):
        await store.sessions.commit(SessionChange(ended=(one.session_id,), ended_at_ms=NOW + 1, end=why))
    kept = await store.sessions.get(one.session_id)
    assert kept is not None
    assert (kept.device.name, kept.end, kept.ended_at_ms) == ("tablet", SessionEnd.DISPLACED, NOW + 1)
    assert await store.owed() == [encode(NOTICE)]
    with pytest.raises(Stale):
        await store.sessions.commit(SessionChange(renamed=(one.session_id, "late")))
    live, expired = session(2), session(3, ended_at_ms=NOW + DAY)
    await opened(store, live, expired)
    asked = [each.session_id for each in (one, live, expired, session(9))]
    assert await store.sessions.ends(asked) == {one.session_id: SessionEnd.DISPLACED}
