"""What administrators do is written down, with its reason and how it ended."""

import sqlite3
from pathlib import Path

import pytest

from mesh import errors
from mesh.errors import Code
from parley.admin.v1 import user_admin_service_pb2 as pb
from parley.admin.v1.audit_pb2 import AuditEntry
from parley.admin.v1.audit_service_pb2 import DESCRIPTOR as AUDIT
from parley.admin.v1.audit_service_pb2 import ListAuditRequest
from parley.admin.v1.user_admin_service_pb2 import DESCRIPTOR as ADMIN
from parley.user.v1.user_pb2 import USER_STATE_ACTIVE
from parley.user.v1.user_service_pb2 import GetUserRequest, ListSessionsRequest
from svc_user.app import Settings
from tests.svc_user.world import CHEAP, PASSWORD, Person, World, refused, running


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
    assert (await refused(world.audit.ListAudit(asked, metadata=root.auth))).reason == errors.Reason.PAGE_TOKEN_INVALID


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
