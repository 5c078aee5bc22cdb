from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from parley.admin.v1 import (
    admin_user_pb2,
    audit_pb2,
    audit_service_pb2,
    audit_service_pb2_grpc,
    live_settings_pb2,
    live_settings_service_pb2,
    live_settings_service_pb2_grpc,
    user_admin_service_pb2,
    user_admin_service_pb2_grpc,
)
from parley.user.v1 import user_pb2
from parley_sdk.facades.moderation import Moderation
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.infrastructure.calls import Calls


class Administration:
    """What administrators do with accounts, and the log of what all of them did. Not open at the edge.

    Whoever has not the role gets CALLER_NOT_ALLOWED; whoever got it lately needs a new token: log in again.
    `moderation` has messages, reports and broadcasts.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.moderation = Moderation(calls)

    async def find(
        self,
        query: str = "",
        *,
        state: user_pb2.UserState.ValueType = user_pb2.USER_STATE_UNSPECIFIED,
        admins_only: bool = False,
        limit: int = 50,
    ) -> list[admin_user_pb2.AdminUser]:
        """Return accounts whose username begins so, by name."""

        async def page(token: str) -> tuple[Sequence[admin_user_pb2.AdminUser], str]:
            request = user_admin_service_pb2.FindUsersRequest(
                query=query, state=state, admins_only=admins_only, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._users().FindUsers, request)
            return response.users, response.next_page_token

        return await gather(page, limit)

    async def get(self, user_id: str) -> user_admin_service_pb2.GetUserResponse:
        """Return an account with its sessions and counters. Reasons: USER_NOT_FOUND."""
        request = user_admin_service_pb2.GetUserRequest(user_id=user_id)
        return await self._calls.unary(self._users().GetUser, request)

    async def suspend(self, user_id: str, reason: str, duration_ms: int = 0) -> int:
        """Close an account, for ever with 0; return how many sessions ended. Reasons: USER_IS_ADMIN, USER_DELETED."""
        request = user_admin_service_pb2.SuspendUserRequest(user_id=user_id, reason=reason, duration_ms=duration_ms)
        return (await self._calls.unary(self._users().SuspendUser, request)).ended_sessions

    async def lift(self, user_id: str, reason: str) -> None:
        """Open an account again. Reasons: USER_DELETED."""
        request = user_admin_service_pb2.LiftSuspensionRequest(user_id=user_id, reason=reason)
        await self._calls.unary(self._users().LiftSuspension, request)

    async def reset_password(self, user_id: str, reason: str) -> str:
        """Give an account a new password and return it; it is told this once. Reasons: USER_IS_ADMIN, USER_DELETED."""
        request = user_admin_service_pb2.ResetPasswordRequest(user_id=user_id, reason=reason)
        return (await self._calls.unary(self._users().ResetPassword, request, again=False)).password

    async def end_sessions(self, user_id: str, reason: str, session_id: str = "") -> int:
        """End one session or all; return how many were live. Reasons: SESSION_NOT_FOUND."""
        request = user_admin_service_pb2.EndSessionsRequest(user_id=user_id, reason=reason, session_id=session_id)
        return (await self._calls.unary(self._users().EndSessions, request)).ended_sessions

    async def erase(self, user_id: str, reason: str) -> None:
        """Delete an account for good. Reasons: USER_IS_ADMIN."""
        request = user_admin_service_pb2.EraseUserRequest(user_id=user_id, reason=reason)
        await self._calls.unary(self._users().EraseUser, request)

    async def set_admin(self, user_id: str, reason: str, *, admin: bool) -> None:
        """Give or take the role. Reasons: LAST_ADMIN, USER_SUSPENDED, USER_DELETED."""
        request = user_admin_service_pb2.SetAdminRequest(user_id=user_id, reason=reason, admin=admin)
        await self._calls.unary(self._users().SetAdmin, request)

    async def audit(
        self,
        *,
        admin_id: str = "",
        target: str = "",
        action: str = "",
        after_ms: int = 0,
        before_ms: int = 0,
        limit: int = 50,
    ) -> list[audit_pb2.AuditEntry]:
        """Return what administrators did, the newest first; times are Unix milliseconds, 0 sets no bound."""

        async def page(token: str) -> tuple[Sequence[audit_pb2.AuditEntry], str]:
            request = audit_service_pb2.ListAuditRequest(
                admin_id=admin_id,
                target=target,
                action=action,
                after_ms=after_ms,
                before_ms=before_ms,
                page_size=min(limit, PAGE),
                page_token=token,
            )
            stub = self._calls.stub(audit_service_pb2_grpc.AuditServiceStub)
            response = await self._calls.unary(stub.ListAudit, request)
            return response.entries, response.next_page_token

        return await gather(page, limit)

    async def settings(self, *, without_words: bool = False) -> live_settings_pb2.LiveSettings:
        """Return the live settings in force."""
        request = live_settings_service_pb2.GetLiveSettingsRequest(without_words=without_words)
        return (await self._calls.unary(self._live().GetLiveSettings, request)).settings

    async def change_settings(
        self, settings: live_settings_pb2.LiveSettings, fields: Sequence[str], reason: str, expected_version: int = 0
    ) -> live_settings_pb2.LiveSettings:
        """Change these fields of the live settings; all nodes take them within 5 seconds. Reasons: VERSION_CONFLICT."""
        request = live_settings_service_pb2.UpdateLiveSettingsRequest(
            settings=settings, update_mask=FieldMask(paths=fields), reason=reason, expected_version=expected_version
        )
        return (await self._calls.unary(self._live().UpdateLiveSettings, request)).settings

    def _live(self) -> live_settings_service_pb2_grpc.LiveSettingsServiceStub:
        return self._calls.stub(live_settings_service_pb2_grpc.LiveSettingsServiceStub)

    def _users(self) -> user_admin_service_pb2_grpc.UserAdminServiceStub:
        return self._calls.stub(user_admin_service_pb2_grpc.UserAdminServiceStub)
