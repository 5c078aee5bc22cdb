"""How sessions are seen and ended, through the service's own face."""

import asyncio
from pathlib import Path

from mesh import keys
from mesh.broker import Lost, node_topic
from mesh.errors import Code
from mesh.registry import Node
from mesh.routes import Routes
from parley.event.v1.event_pb2 import NodeEvent
from parley.user.v1.session_pb2 import PLATFORM_IOS, Device
from parley.user.v1.user_service_pb2 import (
    ChangePasswordRequest,
    ChangePasswordResponse,
    GetUserRequest,
    ListSessionsRequest,
    LogOutRequest,
    RevokeSessionRequest,
)
from svc_user.domain.reasons import Reason
from tests.svc_user.devices import log_in_refused, refresh, sessions
from tests.svc_user.world import PASSWORD, World, bearer, refused, until

OTHER_PASSWORD = "another good password"


async def test_a_log_out_ends_the_session_for_unary_calls_too(world: World) -> None:
    """Within five seconds the access token is refused; so is the refresh token, at once."""
    ada = await world.person("ada")
    await world.users.LogOut(LogOutRequest(), metadata=ada.auth)
    world.clock.advance(5)
    error = await refused(world.users.LogOut(LogOutRequest(), metadata=ada.auth))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.SESSION_REVOKED)
    error = await refused(refresh(world, ada.opened.tokens.refresh_token, ada.opened.device_id))
    assert error.reason == Reason.SESSION_REVOKED
    await until(lambda: ("LOGGED_OUT", ada.opened.session.session_id) in world.log.session_notices(ada.id))


async def test_logging_out_twice_ends_nothing_twice(world: World) -> None:
    """A log-out ends the session at once for this process: a second one is told so, and nothing happens twice."""
    ada = await world.person("ada")
    await world.users.LogOut(LogOutRequest(), metadata=ada.auth)
    again = await refused(world.users.LogOut(LogOutRequest(), metadata=ada.auth))
    assert again.reason == Reason.SESSION_REVOKED
    await world.settled()
    kinds = [kind for kind, _ in world.log.session_notices(ada.id)]
    assert kinds == ["STARTED", "LOGGED_OUT"]


async def test_sessions_are_listed_latest_first_and_revoked_one_by_one(world: World) -> None:
    """One of them ends; ending it again counts nothing; the calling one stays."""
    first = await world.person("ada")
    world.clock.advance(60)
    second = await world.log_in("ada")
    ids = [second.opened.session.session_id, first.opened.session.session_id]
    assert await sessions(world, first) == ids
    request = RevokeSessionRequest(session_id=ids[1])
    counts = [(await world.users.RevokeSession(request, metadata=second.auth)).revoked_count for _ in range(2)]
    assert counts == [1, 0]
    assert await sessions(world, second) == ids[:1]
    await until(lambda: ("REVOKED", ids[1]) in world.log.session_notices(first.id))


async def test_all_other_sessions_end_at_once(world: World) -> None:
    """Everything but the calling session ends."""
    await world.register("ada")
    people = [await world.log_in("ada") for _ in range(3)]
    request = RevokeSessionRequest(all_others=True)
    assert (await world.users.RevokeSession(request, metadata=people[0].auth)).revoked_count == 2
    assert await sessions(world, people[0]) == [people[0].opened.session.session_id]


async def test_somebody_elses_session_is_not_there(world: World) -> None:
    """Their id, an unknown one and none at all."""
    ada, bob = await world.people("ada", "bob")
    for session_id in (ada.opened.session.session_id, "s" + "0" * 15):
        request = RevokeSessionRequest(session_id=session_id)
        error = await refused(world.users.RevokeSession(request, metadata=bob.auth))
        assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.SESSION_NOT_FOUND)
    error = await refused(world.users.RevokeSession(RevokeSessionRequest(), metadata=bob.auth))
    assert error.reason == Reason.INVALID_REQUEST


async def test_a_platform_holds_five_sessions(world: World) -> None:
    """A sixth log-in on a platform ends the session that was not seen for longest, its access token too; other
    platforms keep theirs.
    """
    await world.register("ada")
    tablet = await world.log_in("ada", device=Device(platform=PLATFORM_IOS))
    people = []
    for _ in range(6):
        world.clock.advance(60)
        people.append(await world.log_in("ada"))
    error = await refused(sessions(world, people[0]))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.SESSION_REVOKED)
    live = await sessions(world, people[-1])
    assert people[0].opened.session.session_id not in live
    assert {*live} == {person.opened.session.session_id for person in (tablet, *people[1:])}
    await until(lambda: ("DISPLACED", people[0].opened.session.session_id) in world.log.session_notices(tablet.id))


async def test_the_nodes_that_may_let_it_in_are_told(world: World) -> None:
    """The topic of the node that holds the device gets the revocation, and so do all gateways: they remember it."""
    ada = await world.person("ada")
    here = Routes(world.routes._kv, world.clock, "node-1", "boot-1")
    await here.attach(ada.id, ada.opened.device_id)
    async with (
        world.registry.register("gateway", Node("gateway-2", "boot-2", "nowhere")),
        world.broker.subscribe(node_topic("node-1", "boot-1")) as ours,
        world.broker.subscribe(node_topic("gateway-2", "boot-2")) as theirs,
    ):
        await world.users.LogOut(LogOutRequest(), metadata=ada.auth)
        payloads = [await anext(aiter(events)) for events in (ours, theirs)]
    for payload in payloads:
        assert not isinstance(payload, Lost)
        [revocation] = NodeEvent.FromString(payload).revocations
        assert (revocation.user_id, revocation.session_id) == (ada.id, ada.opened.session.session_id)


async def test_a_new_password_ends_all_other_sessions(world: World) -> None:
    """The old password and old tokens are worth nothing; the calling session goes on with new ones."""
    first = await world.person("ada")
    second = await world.log_in("ada")
    request = ChangePasswordRequest(old_password=PASSWORD, new_password=OTHER_PASSWORD)
    tokens = (await world.users.ChangePassword(request, metadata=second.auth)).tokens
    assert await sessions(world, second) == [second.opened.session.session_id]
    await refresh(world, tokens.refresh_token, second.opened.device_id)
    for old in (first, second):
        await refused(refresh(world, old.opened.tokens.refresh_token, old.opened.device_id))
    world.clock.advance(60)
    assert (await log_in_refused(world)).reason == Reason.BAD_CREDENTIALS
    await world.log_in("ada", password=OTHER_PASSWORD)


async def test_nobody_who_typed_the_old_password_stays_in(world: World) -> None:
    """A log-in that checks the old password while it is changed is refused or ended, however the two meet."""
    ada = await world.person("ada")
    auth, old, new = ada.auth, PASSWORD, OTHER_PASSWORD
    for _ in range(25):
        world.clock.advance(60)
        change = world.users.ChangePassword(ChangePasswordRequest(old_password=old, new_password=new), metadata=auth)
        late = [world.log_in("ada", password=old) for _ in range(4)]
        changed, *_ = await asyncio.gather(change, *late, return_exceptions=True)
        assert isinstance(changed, ChangePasswordResponse)
        auth = bearer(changed.tokens.access_token)
        listed = await world.users.ListSessions(ListSessionsRequest(), metadata=auth)
        assert [one.session_id for one in listed.sessions] == [ada.opened.session.session_id]
        old, new = new, old


async def test_a_new_password_needs_the_old_one_and_strength(world: World) -> None:
    """A stolen session cannot set a password, and a weak one is refused."""
    ada = await world.person("ada")
    for old, new, reason in [
        (OTHER_PASSWORD, "new and strong", Reason.BAD_CREDENTIALS),
        (PASSWORD, "password1", Reason.PASSWORD_TOO_WEAK),
    ]:
        request = ChangePasswordRequest(old_password=old, new_password=new)
        assert (await refused(world.users.ChangePassword(request, metadata=ada.auth))).reason == reason


async def test_a_token_of_an_account_that_is_not_there_finds_nobody(world: World, tmp_path: Path) -> None:
    """A well signed token without an account behind it reads nothing of its own."""
    ghost = keys.signer(tmp_path / "keys", "access", world.clock).access("u" + "0" * 15, "d" + "0" * 15, "s" + "0" * 15)
    error = await refused(world.users.GetUser(GetUserRequest(), metadata=bearer(ghost.token)))
    assert error.reason == Reason.USER_NOT_FOUND
