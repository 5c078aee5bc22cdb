"""What administrators do with accounts, sessions and roles, through the service's own face."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.settings import Secret
from mesh.tokens import SignedToken
from parley.admin.v1 import user_admin_service_pb2 as pb
from parley.user.v1.user_pb2 import USER_STATE_ACTIVE, USER_STATE_SUSPENDED
from parley.user.v1.user_service_pb2 import ListSessionsRequest
from svc_user.__main__ import administer, appoint
from svc_user.app import Settings
from svc_user.application.tokens import Issuer
from svc_user.domain.account import UserId
from svc_user.domain.oversight import AccountStatus
from svc_user.domain.reasons import Reason
from svc_user.domain.session import RefreshChain
from svc_user.infrastructure.store import open_store
from tests.conformance.user_stores import account, encode, session, user
from tests.svc_user.devices import log_in_refused, refresh
from tests.svc_user.world import CHEAP, World, refused, running

HOUR_MS = 3_600_000


async def test_who_was_an_administrator_before_the_log_in_is_one_afterwards_only(world: World) -> None:
    """The role is in the next token, and not in one that was given before."""
    ada = await world.person("ada")
    await appoint(world.started_with, "grant", "ada")
    assert (await refused(world.admin.FindUsers(pb.FindUsersRequest(), metadata=ada.auth))).reason == (
        "CALLER_NOT_ALLOWED"
    )
    renewed = await refresh(world, ada.opened.tokens.refresh_token, ada.opened.device_id)
    auth = (("authorization", f"Bearer {renewed.access_token}"),)
    found = await world.admin.FindUsers(pb.FindUsersRequest(), metadata=auth)
    assert [(one.user.username, one.admin) for one in found.users] == [("ada", True)]
    minutes = (renewed.access_expires_at_ms - world.clock.now_ms()) / 60_000
    assert minutes <= 5, "a token with the role is short"


async def test_a_suspended_user_is_out_until_it_is_lifted(world: World) -> None:
    """Tokens die, refreshing and logging in answer USER_SUSPENDED, and after it ended by itself all works again."""
    root, ada = await world.administrator("root.one"), await world.person("ada")
    request = pb.SuspendUserRequest(user_id=ada.id, reason="spam", duration_ms=HOUR_MS)
    answer = await world.admin.SuspendUser(request, metadata=root.auth)
    assert (answer.user.user.state, answer.ended_sessions) == (USER_STATE_SUSPENDED, 1)
    assert answer.user.suspended_until_ms == world.clock.now_ms() + HOUR_MS
    world.clock.advance(5)
    error = await refused(world.users.ListSessions(ListSessionsRequest(), metadata=ada.auth))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.SESSION_REVOKED)
    assert (await refused(refresh(world, ada.opened.tokens.refresh_token, ada.opened.device_id))).reason in {
        Reason.SESSION_REVOKED,
        Reason.USER_SUSPENDED,
    }
    error = await log_in_refused(world, "ada")
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, Reason.USER_SUSPENDED)
    world.clock.advance(HOUR_MS / 1_000)
    root = await world.log_in("root.one")
    found = pb.GetUserRequest(user_id=ada.id)

    async def state() -> int:
        return (await world.admin.GetUser(found, metadata=root.auth)).user.user.state

    for _ in range(200):
        if await state() == USER_STATE_ACTIVE:
            break
        world.clock.advance(1)
    assert await state() == USER_STATE_ACTIVE
    await world.log_in("ada")


async def test_lifting_opens_the_account_at_once(world: World) -> None:
    """It says until when and why while it lasts; lifting it twice is no error; suspending an administrator is one."""
    root, ada = await world.administrator("root.one"), await world.person("ada")
    await world.admin.SuspendUser(pb.SuspendUserRequest(user_id=ada.id, reason="spam"), metadata=root.auth)
    shown = await world.admin.GetUser(pb.GetUserRequest(user_id=ada.id), metadata=root.auth)
    assert (shown.user.suspension_reason, shown.user.suspended_until_ms, len(shown.sessions)) == ("spam", 0, 0)
    for _ in range(2):
        lift = pb.LiftSuspensionRequest(user_id=ada.id, reason="a mistake")
        lifted = await world.admin.LiftSuspension(lift, metadata=root.auth)
        assert (lifted.user.user.state, lifted.user.suspension_reason) == (USER_STATE_ACTIVE, "")
    await world.log_in("ada")
    request = pb.SuspendUserRequest(user_id=root.id, reason="spam")
    assert (await refused(world.admin.SuspendUser(request, metadata=root.auth))).reason == Reason.USER_IS_ADMIN


async def test_a_reset_password_works_once_it_is_told_and_the_old_one_does_not(world: World) -> None:
    """All sessions end, and the password from the answer opens the next one."""
    root, ada = await world.administrator("root.one"), await world.person("ada")
    request = pb.ResetPasswordRequest(user_id=ada.id, reason="forgotten")
    answer = await world.admin.ResetPassword(request, metadata=root.auth)
    assert answer.ended_sessions == 1
    assert (await log_in_refused(world, "ada")).reason == Reason.BAD_CREDENTIALS
    await world.log_in("ada", password=answer.password)


async def test_sessions_end_one_by_one_or_all(world: World) -> None:
    """Somebody else's session is not found, and what has ended counts nothing."""
    root, ada = await world.administrator("root.one"), await world.person("ada")
    second, bob = await world.log_in("ada"), await world.person("bob")
    one = pb.EndSessionsRequest(user_id=ada.id, reason="lost", session_id=second.opened.session.session_id)
    counts = [(await world.admin.EndSessions(one, metadata=root.auth)).ended_sessions for _ in range(2)]
    assert counts == [1, 0]
    one.session_id = bob.opened.session.session_id
    assert (await refused(world.admin.EndSessions(one, metadata=root.auth))).reason == Reason.SESSION_NOT_FOUND
    every = pb.EndSessionsRequest(user_id=ada.id, reason="lost")
    assert (await world.admin.EndSessions(every, metadata=root.auth)).ended_sessions == 1


async def test_taking_the_role_ends_the_sessions(world: World) -> None:
    """The token with the role is refused, the next one is a user's, and the last administrator stays one."""
    root, ann = await world.administrator("root.one"), await world.administrator("ann")
    request = pb.SetAdminRequest(user_id=ann.id, reason="left the team", admin=False)
    answer = await world.admin.SetAdmin(request, metadata=root.auth)
    assert (answer.user.admin, answer.ended_sessions) == (False, 1)
    world.clock.advance(5)
    assert (await refused(world.admin.FindUsers(pb.FindUsersRequest(), metadata=ann.auth))).reason == (
        Reason.SESSION_REVOKED
    )
    again = await world.log_in("ann")
    assert (await refused(world.admin.FindUsers(pb.FindUsersRequest(), metadata=again.auth))).reason == (
        "CALLER_NOT_ALLOWED"
    )
    request = pb.SetAdminRequest(user_id=root.id, reason="tired", admin=False)
    assert (await refused(world.admin.SetAdmin(request, metadata=root.auth))).reason == Reason.LAST_ADMIN


async def test_the_command_line_appoints_and_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who it names is an administrator, an unknown name is an error with its reason, and it is audited."""
    settings = Settings(hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}")
    async with running(tmp_path, settings) as world:
        await world.register("ada")
    for name in ("ada", "eve"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PARLEY_USER_STORE_URL", settings.store_url)
            code = await _in_thread(["grant", name])
        assert code == (0 if name == "ada" else 1)
    assert await appoint(settings, "list", "") == ["ada"]
    assert "USER_NOT_FOUND" in capsys.readouterr().err
    await appoint(settings, "revoke", "ada")
    assert await appoint(settings, "list", "") == []
    with pytest.raises(MeshError):
        await appoint(settings, "grant", UserId("nobody"))


async def _in_thread(arguments: list[str]) -> int:
    import asyncio  # noqa: PLC0415

    return await asyncio.to_thread(administer, arguments)


async def test_no_token_is_made_for_a_session_that_was_kept_too_late(tmp_path: Path) -> None:
    """A log-in or refresh that passed its checks before a suspension gets no token after it, and the role neither."""
    clock = FakeClock(1_800_000_000_000)
    async with open_store(f"sqlite:{tmp_path / 'user.db'}", Secret(), clock, encode) as store:
        given: list[bool] = []

        class Signer:
            def access(
                self,
                user_id: str,
                device_id: str,
                session_id: str,
                *,
                admin: bool = False,
                scopes: Iterable[int] | None = None,
            ) -> SignedToken:
                given.append(admin)
                return SignedToken("token", 1)

        issuer = Issuer(Signer(), store.oversight, RefreshChain(b"key"), lambda: "0" * 64)
        await store.accounts.add(account("ada"), "", None)
        fresh = AccountStatus(user("ada"))
        await store.oversight.keep(fresh, replace(fresh, admin=True))
        await issuer.tokens(session(1), "refresh")
        await store.oversight.keep(replace(fresh, admin=True), fresh)
        await issuer.tokens(session(1), "refresh")
        assert given == [True, False]
        await store.oversight.keep(fresh, fresh.suspended(0, "spam"))
        with pytest.raises(MeshError) as refusal:
            await issuer.tokens(session(1), "refresh")
        assert refusal.value.reason == Reason.USER_SUSPENDED
        assert len(given) == 2
