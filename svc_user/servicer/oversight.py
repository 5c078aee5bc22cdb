"""`parley.admin.v1.UserAdminService`."""

from mesh.caller import Caller
from parley.admin.v1 import user_admin_service_pb2 as pb
from parley.admin.v1.admin_user_pb2 import AdminUser, AdminUserCounters
from svc_user.application.erase import Eraser
from svc_user.application.oversee import Overseer
from svc_user.domain.account import UserId, UserState, fold
from svc_user.domain.oversight import Overseen, Wanted
from svc_user.servicer.messages import to_session, to_user
from svc_user.servicer.paging import PageTokens, page_size


class UserAdminServicer:
    """Accounts in the hands of administrators."""

    def __init__(self, overseer: Overseer, eraser: Eraser, pages: PageTokens) -> None:
        self._overseer = overseer
        self._eraser = eraser
        self._pages = pages

    async def find_users(self, request: pb.FindUsersRequest, caller: Caller) -> pb.FindUsersResponse:
        """List accounts by name."""
        asked = ("admin_find_users", request.query, str(request.state), str(request.admins_only))
        wanted = Wanted(
            fold(request.query),
            UserState(request.state) if request.state else None,
            request.admins_only,
            self._pages.decode(asked, request.page_token),
            page_size(request.page_size),
        )
        found, last = await self._overseer.find(wanted)
        token = self._pages.encode(asked, last)
        return pb.FindUsersResponse(users=[_user(one) for one in found], next_page_token=token)

    async def get_user(self, request: pb.GetUserRequest, caller: Caller) -> pb.GetUserResponse:
        """Show one account."""
        dossier = await self._overseer.dossier(UserId(request.user_id))
        counters = AdminUserCounters(
            live_sessions=len(dossier.sessions), friends=dossier.friends, blocked=dossier.blocked
        )
        sessions = [to_session(one, caller.session_id) for one in dossier.sessions]
        return pb.GetUserResponse(user=_user(dossier.overseen), sessions=sessions, counters=counters)

    async def suspend_user(self, request: pb.SuspendUserRequest, caller: Caller) -> pb.SuspendUserResponse:
        """Close an account for a time."""
        user_id = UserId(request.user_id)
        overseen, ended = await self._overseer.suspend(user_id, request.duration_ms, request.reason)
        return pb.SuspendUserResponse(user=_user(overseen), ended_sessions=ended)

    async def lift_suspension(self, request: pb.LiftSuspensionRequest, caller: Caller) -> pb.LiftSuspensionResponse:
        """Open an account again."""
        return pb.LiftSuspensionResponse(user=_user(await self._overseer.lift(UserId(request.user_id))))

    async def reset_password(self, request: pb.ResetPasswordRequest, caller: Caller) -> pb.ResetPasswordResponse:
        """Give an account a new password."""
        password, ended = await self._overseer.reset_password(UserId(request.user_id))
        return pb.ResetPasswordResponse(password=password, ended_sessions=ended)

    async def end_sessions(self, request: pb.EndSessionsRequest, caller: Caller) -> pb.EndSessionsResponse:
        """End one session of a user, or all."""
        ended = await self._overseer.end_sessions(UserId(request.user_id), request.session_id)
        return pb.EndSessionsResponse(ended_sessions=ended)

    async def erase_user(self, request: pb.EraseUserRequest, caller: Caller) -> pb.EraseUserResponse:
        """Delete an account for good."""
        return pb.EraseUserResponse(ended_sessions=await self._eraser.erase(UserId(request.user_id)))

    async def set_admin(self, request: pb.SetAdminRequest, caller: Caller) -> pb.SetAdminResponse:
        """Give or take the role."""
        overseen, ended = await self._overseer.appoint(UserId(request.user_id), admin=request.admin)
        return pb.SetAdminResponse(user=_user(overseen), ended_sessions=ended)


def _user(overseen: Overseen) -> AdminUser:
    status = overseen.status
    return AdminUser(
        user=to_user(overseen.account),
        admin=status.admin,
        suspended_until_ms=status.suspended_until_ms,
        suspension_reason=status.suspension_reason,
    )
