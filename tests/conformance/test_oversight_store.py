"""One suite for every store of what administrators see and do: `svc_user.domain.oversight` and `audit`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.live import JudgingMode, LiveSettings, PolicyMode, SendRate
from mesh.words import Action, WordClass
from svc_user.domain.account import Profile, UserKind, UserState
from svc_user.domain.audit import AuditQuery, AuditRecord
from svc_user.domain.oversight import AccountStatus, Wanted
from svc_user.domain.ports import Registration, SessionChange, Stale, UsernameTaken
from tests.conformance.user_stores import NOW, STORES, Store, Stores, account, session, user


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


async def names(store: Store, wanted: Wanted) -> list[str]:
    """Who is found."""
    return [one.account.username for one in await store.oversight.find(wanted)]


async def test_a_status_comes_back_as_it_was_kept(stores: Stores) -> None:
    """Suspension and role, in another process too; who is not there has none; the state is that of the account."""
    ours, theirs = stores.ours, stores.theirs
    await ours.accounts.add(account("ada"), "", None)
    fresh = AccountStatus(user("ada"))
    assert await ours.oversight.status(user("ada")) == fresh
    assert await ours.oversight.status(user("bob")) is None
    closed = replace(fresh, admin=True)
    await ours.oversight.keep(fresh, closed)
    shut = replace(closed, state=UserState.SUSPENDED, suspended_until_ms=NOW + 5, suspension_reason="spam")
    await ours.oversight.keep(closed, shut)
    assert await theirs.oversight.status(user("ada")) == shut
    kept = (await theirs.accounts.get([user("ada")]))[user("ada")]
    assert (kept.state, kept.version) == (UserState.SUSPENDED, 2)


async def test_a_status_that_changed_meanwhile_is_stale(stores: Stores) -> None:
    """Of two who decide on the same status one is kept; somebody unknown is stale too."""
    fresh = AccountStatus(user("ada"))
    await stores.ours.accounts.add(account("ada"), "", None)
    await stores.ours.oversight.keep(fresh, replace(fresh, admin=True))
    with pytest.raises(Stale):
        await stores.theirs.oversight.keep(fresh, fresh.suspended(0, "spam"))
    with pytest.raises(Stale):
        await stores.ours.oversight.keep(AccountStatus(user("eve")), AccountStatus(user("eve"), admin=True))


async def test_accounts_are_found_by_name_state_and_role(store: Store) -> None:
    """In the order of the names, page by page; characters that mean something to a database mean nothing."""
    for name in ("bob", "adam", "ada", "a_b"):
        await store.accounts.add(account(name), "", None)
    fresh = AccountStatus(user("ada"))
    await store.oversight.keep(fresh, replace(fresh, admin=True))
    await store.oversight.keep(AccountStatus(user("bob")), AccountStatus(user("bob")).suspended(0, "spam"))
    assert await names(store, Wanted()) == ["a_b", "ada", "adam", "bob"]
    assert await names(store, Wanted(prefix="ad", after="ada")) == ["adam"]
    assert await names(store, Wanted(limit=2)) == ["a_b", "ada"]
    assert await names(store, Wanted(prefix="a%")) == []
    assert await names(store, Wanted(state=UserState.SUSPENDED)) == ["bob"]
    assert await names(store, Wanted(admins_only=True)) == ["ada"]


async def test_what_has_ended_is_due(store: Store) -> None:
    """A suspension for a time is found once the time has come; one without end never is, nor what was lifted."""
    for name in ("ada", "bob", "eve"):
        await store.accounts.add(account(name), "", None)
    for name, until in (("ada", NOW + 10), ("bob", 0), ("eve", NOW + 5)):
        fresh = AccountStatus(user(name))
        await store.oversight.keep(fresh, fresh.suspended(until, "spam"))
    assert await store.oversight.due(NOW + 4, 10) == []
    [eve] = await store.oversight.due(NOW + 9, 10)
    assert eve.user_id == user("eve")
    await store.oversight.keep(eve, eve.lifted())
    assert [one.user_id for one in await store.oversight.due(NOW + 99, 10)] == [user("ada")]


async def test_erasing_leaves_the_bare_id(store: Store) -> None:
    """Name, profile, password and devices are gone, and the name stays taken; twice is once."""
    full = replace(account("ada"), profile=Profile("Ada", "m1", "bio", "1990-12-10", "de", "here", "she"))
    await store.accounts.add(full, "hash", Registration("one", b"f", user("ada"), NOW))
    await store.sessions.commit(SessionChange(opened=session(1)))
    await store.sessions.commit(SessionChange(ended=(session(1).session_id,), ended_at_ms=NOW + 1))
    await store.deletions.begin(full, NOW + 2)
    for _ in range(2):
        await store.oversight.erase(user("ada"))
    left = (await store.accounts.get([user("ada")]))[user("ada")]
    assert (left.username, left.profile, left.state) == ("", Profile(""), UserState.DELETED)
    assert left.version == 2
    assert await store.accounts.named("ada") is None
    assert await store.accounts.password_hash(user("ada")) == ""
    assert await store.accounts.registration("one", NOW) is None
    assert await store.sessions.owner(session(1).device_id) is None
    ended = await store.sessions.get(session(1).session_id)
    assert ended is not None
    assert (ended.device.name, ended.last_address) == ("", "")
    assert await store.sessions.ended_since(NOW) == [session(1).session_id], "its tokens are refused all the same"
    with pytest.raises(UsernameTaken):
        await store.accounts.add(replace(account("ada"), user_id=user("new")), "", None)


async def test_people_are_listed_by_their_ids(store: Store) -> None:
    """Page by page; assistants, suspended and erased ones are left out."""
    for name in ("ada", "bob", "eve", "kim"):
        await store.accounts.add(account(name), "", None)
    await store.accounts.add(replace(account("bot"), kind=UserKind.ASSISTANT), "", None)
    await store.deletions.begin(account("eve"), NOW)
    kim = AccountStatus(user("kim"))
    await store.oversight.keep(kim, kim.suspended(0, "spam"))
    none = user("")
    assert await store.oversight.people_after(none, 10) == [user("ada"), user("bob")]
    assert await store.oversight.people_after(user("ada"), 10) == [user("bob")]
    assert await store.oversight.people_after(none, 1) == [user("ada")]


def act(number: int, **fields: object) -> AuditRecord:
    """An act."""
    record = AuditRecord(
        f"a{number:015}", NOW + number, "u1", "s1", "10.0.0.1", "X.Do", "t1", "why", {"n": "1"}, "", ""
    )
    return replace(record, **fields)  # type: ignore[arg-type]  # named by each test


async def test_acts_come_back_newest_first(stores: Stores) -> None:
    """All fields, page by page, in another process too."""
    for number in (1, 2, 3):
        await stores.ours.audit.append(act(number))
    failed = act(4, failure="NOT_FOUND X", follows_id=act(3).audit_id, details={})
    await stores.ours.audit.append(failed)
    first = await stores.theirs.audit.acts(AuditQuery(limit=2))
    assert first == [failed, act(3)]
    assert await stores.theirs.audit.acts(AuditQuery(before_id=first[-1].audit_id)) == [act(2), act(1)]


async def test_acts_are_filtered(store: Store) -> None:
    """By who, what, about whom and when; all that is asked for must hold."""
    await store.audit.append(act(1))
    await store.audit.append(act(2, admin_id="u2"))
    await store.audit.append(act(3, target="t2", action="X.Undo"))

    async def found(query: AuditQuery) -> list[int]:
        return [int(one.audit_id[1:]) for one in await store.audit.acts(query)]

    assert await found(AuditQuery(admin_id="u1")) == [3, 1]
    assert await found(AuditQuery(target="t1")) == [2, 1]
    assert await found(AuditQuery(action="X.Undo")) == [3]
    assert await found(AuditQuery(admin_id="u1", target="t1")) == [1]
    assert await found(AuditQuery(after_ms=NOW + 2, before_ms=NOW + 3)) == [2]


async def test_the_latest_live_settings_hold(stores: Stores) -> None:
    """They come back as they were kept, in another process too; of two who keep the same version one is stale."""
    assert await stores.ours.live.latest() == LiveSettings()
    assert await stores.ours.live.version() == 0
    words = (WordClass("insults", Action.MASK, ("傻瓜", "goat*")),)
    first = LiveSettings(
        1,
        registration_closed=True,
        send_rate=SendRate(20, 2.5),
        word_classes=words,
        policy_mode=PolicyMode.FAIL_OPEN,
        judging_mode=JudgingMode.REVIEW,
    )
    await stores.ours.live.keep(first)
    with pytest.raises(Stale):
        await stores.theirs.live.keep(LiveSettings(1))
    assert await stores.theirs.live.latest() == first
    for version in range(2, 30):
        await stores.ours.live.keep(LiveSettings(version))
    assert await stores.theirs.live.latest() == LiveSettings(29)
    assert await stores.theirs.live.version() == 29
