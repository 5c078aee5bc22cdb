"""What administrators do with accounts, through the service's own face."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.settings import Secret
from mesh.tokens import SignedToken
from parley.admin.v1 import user_admin_service_pb2 as pb
from parley.admin.v1.audit_pb2 import AuditEntry
from parley.admin.v1.audit_service_pb2 import DESCRIPTOR as AUDIT
from parley.admin.v1.audit_service_pb2 import ListAuditRequest
from parley.admin.v1.user_admin_service_pb2 import DESCRIPTOR as ADMIN
from parley.user.v1.user_pb2 import USER_STATE_ACTIVE, USER_STATE_DELETED, USER_STATE_SUSPENDED
from parley.user.v1.user_service_pb2 import GetUserRequest, ListSessionsRequest, UpdateProfileRequest
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
from tests.svc_user.friendships import befriend
from tests.svc_user.world import CHEAP, PASSWORD, Person, World, refused, running, until

HOUR_MS = 3_600_000


async def acts(world: World, root: Person, target: str = "", action: str = "") -> list[AuditEntry]:
    """What the audit log says, newest first, this reading left out."""
    found = await world.audit.ListAudit(ListAuditRequest(target=target, action=action), metadata=root.auth)
    return [one for one in found.entries if one.action != "AuditService.ListAudit"]


@pytest.mark.parametrize("rpc", [rpc.name for rpc in ADMIN.services_by_name["UserAdminService"].methods])
async def test_a_user_is_no_administrator(world: World, rpc: str) -> None:
    """A35: each method for administrators refuses a user's token, and nothing is written about it."""
    ada, root = await world.person("ada"), await world.administrator("root.one")
    request = getattr(pb, f"{rpc}Request")()
    error = await refused(getattr(world.admin, rpc)(request, metadata=ada.auth))
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
    assert [one.action for one in await acts(world, root)] == ["console.SetAdmin"]


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


async def test_an_act_stands_in_the_log_with_its_reason_and_how_it_failed(world: World) -> None:
    """Who, what, about whom, why and from where; reading is an act too; no password is in it."""
    root, ada = await world.administrator("root.one"), await world.person("ada")
    await world.admin.GetUser(pb.GetUserRequest(user_id=ada.id), metadata=root.auth)
    request = pb.ResetPasswordRequest(user_id=ada.id, reason="she asked on the phone")
    password = (await world.admin.ResetPassword(request, metadata=root.auth)).password
    gone = pb.SuspendUserRequest(user_id=ada.id[:-4] + "0000", reason="spam", duration_ms=5)
    await refused(world.admin.SuspendUser(gone, metadata=root.auth))
    failed, tried, reset, read, first = await acts(world, root)
    assert (first.action, first.admin_id, first.target) == ("console.SetAdmin", "", root.id)
    assert (read.action, read.target, read.reason) == ("UserAdminService.GetUser", ada.id, "")
    assert (reset.reason, reset.admin_id, reset.address) == ("she asked on the phone", root.id, "127.0.0.1")
    assert reset.session_id == root.opened.session.session_id
    assert dict(tried.details) == {"user_id": gone.user_id, "duration_ms": "5"}
    assert (failed.failure, failed.follows_id) == ("NOT_FOUND USER_NOT_FOUND", tried.audit_id)
    assert password not in str(await acts(world, root))
    assert password not in world.output.getvalue()


async def test_the_log_is_filtered_and_paged(world: World) -> None:
    """By the one it is about and by what was done; a page token fits its own query alone."""
    root, ada = await world.administrator("root.one"), await world.person("ada")
    for user_id in (ada.id, root.id, ada.id):
        await world.admin.GetUser(pb.GetUserRequest(user_id=user_id), metadata=root.auth)
    assert len(await acts(world, root, target=ada.id)) == 2
    assert len(await acts(world, root, action="UserAdminService.GetUser")) == 3
    asked = ListAuditRequest(target=ada.id, page_size=1, action="UserAdminService.GetUser")
    page = await world.audit.ListAudit(asked, metadata=root.auth)
    seen = [one.audit_id for one in page.entries]
    asked.page_token = page.next_page_token
    seen += [one.audit_id for one in (await world.audit.ListAudit(asked, metadata=root.auth)).entries]
    assert len(set(seen)) == 2
    asked.target = root.id
    assert (await refused(world.audit.ListAudit(asked, metadata=root.auth))).reason == Reason.PAGE_TOKEN_INVALID


async def test_an_act_that_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    """With an audit log that takes nothing, suspending answers AUDIT_UNAVAILABLE and changes nothing."""
    file = tmp_path / "user.db"
    async with running(tmp_path, Settings(hashing=CHEAP, store_url=f"sqlite:{file}")) as world:
        root, ada = await world.administrator("root.one"), await world.person("ada")
        with sqlite3.connect(file) as spoilt:
            spoilt.execute("ALTER TABLE audit RENAME TO elsewhere")
        spoilt.close()
        request = pb.SuspendUserRequest(user_id=ada.id, reason="spam")
        error = await refused(world.admin.SuspendUser(request, metadata=root.auth))
        assert (error.code, error.reason) == (Code.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        assert (await world.users.GetUser(GetUserRequest(), metadata=ada.auth)).user.state == USER_STATE_ACTIVE
        await world.users.ListSessions(ListSessionsRequest(), metadata=ada.auth)


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


async def test_a_friend_sees_a_deleted_user_and_the_name_stays_taken(world: World) -> None:
    """Friendships end, the profile is empty, nobody gets the name, and other services are told until they answer."""
    root, ada, bob = await world.administrator("root.one"), await world.person("ada"), await world.person("bob")
    await befriend(world, ada, bob)
    world.groups.away = True
    request = pb.EraseUserRequest(user_id=ada.id, reason="asked by letter")
    for ended in (1, 0):
        assert (await world.admin.EraseUser(request, metadata=root.auth)).ended_sessions == ended
    shown = (await world.users.GetUser(GetUserRequest(user_id=ada.id), metadata=bob.auth)).user
    assert (shown.username, shown.profile.display_name, shown.state) == ("", "", USER_STATE_DELETED)
    await until(lambda: world.groups.asked > 0)
    assert world.log.forgotten == []
    counters = (await world.admin.GetUser(pb.GetUserRequest(user_id=bob.id), metadata=root.auth)).counters
    assert (counters.friends, counters.live_sessions) == (0, 1)
    assert (await refused(world.register("ada"))).reason == Reason.USERNAME_TAKEN
    assert (await log_in_refused(world, "ada")).reason == Reason.BAD_CREDENTIALS
    assert (await log_in_refused(world, ada.id)).reason == Reason.BAD_CREDENTIALS
    world.groups.away = False
    again = await world.person("eve")
    await world.admin.EraseUser(pb.EraseUserRequest(user_id=again.id, reason="spam"), metadata=root.auth)
    await until(lambda: {ada.id, again.id} <= set(world.groups.forgotten) & set(world.log.forgotten), 12)


async def test_nothing_of_the_profile_is_left_in_the_file(tmp_path: Path) -> None:
    """After an erasure neither the name nor any word of profile, device or greeting is in any file of the store."""
    words = ("zanzibar_user", "Zanzibarine", "Quixotic biography", "Timbuktuland", "1987-06-05")
    async with running(tmp_path, Settings(hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}")) as world:
        root = await world.administrator("root.one")
        await world.register("zanzibar_user", display_name="Older Zanzibarine")
        ada = await world.log_in("zanzibar_user")
        update = UpdateProfileRequest()
        update.update_mask.paths[:] = ["display_name", "bio", "region", "birthday"]
        update.profile.display_name, update.profile.bio = words[1:3]
        update.profile.region, update.profile.birthday = words[3:5]
        await world.users.UpdateProfile(update, metadata=ada.auth)
        await world.settled()
        assert all(found(tmp_path, word) for word in words)
        request = pb.EraseUserRequest(user_id=ada.id, reason="asked by letter")
        await world.admin.EraseUser(request, metadata=root.auth)
        await until(lambda: world.log.forgotten == [ada.id])
        assert [word for word in (*words, "phone") if found(tmp_path, word)] == ["phone"], "root has a phone too"
        assert found(tmp_path, "root.one")


def found(folder: Path, word: str) -> bool:
    """Whether a file of the store holds this."""
    return any(word.encode() in file.read_bytes() for file in folder.glob("user.db*"))


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


def test_every_act_of_an_administrator_names_its_object_in_the_contract() -> None:
    """Each request for administrators marks a field for the audit log, and none marks a secret or a token."""
    from parley.access.v1 import access_pb2  # noqa: PLC0415

    services = (*ADMIN.services_by_name.values(), *AUDIT.services_by_name.values())
    for rpc in (rpc for service in services for rpc in service.methods):
        if rpc.GetOptions().Extensions[access_pb2.callers] != access_pb2.CALLERS_ADMIN:
            continue
        marked = [one.name for one in rpc.input_type.fields if one.GetOptions().Extensions[access_pb2.audited]]
        assert marked, rpc.full_name
        assert not {"page_token", "password", "text"} & set(marked)
    assert PASSWORD


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
