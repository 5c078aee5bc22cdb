"""`parley.user.v1.UserService`."""

from dataclasses import replace
from typing import Any

from mesh.caller import Caller
from parley.user.v1 import user_service_pb2 as pb
from svc_user.application.change_password import PasswordChanger
from svc_user.application.delete_account import AccountDeletion
from svc_user.application.log_in import Credentials, LogIn
from svc_user.application.profiles import Profiles, Search
from svc_user.application.refresh import Refresher
from svc_user.application.register import Application, Registrar
from svc_user.application.sessions import OwnSessions
from svc_user.domain.account import UserId
from svc_user.domain.session import DeviceId, SessionId
from svc_user.servicer.messages import from_device, to_session, to_tokens, to_user
from svc_user.servicer.paging import PageTokens, page_size


class UserServicer:
    """Accounts, log-in, sessions and profiles."""

    def __init__(
        self,
        registrar: Registrar,
        log_in: LogIn,
        refresher: Refresher,
        sessions: OwnSessions,
        passwords: PasswordChanger,
        deletion: AccountDeletion,
        profiles: Profiles,
        pages: PageTokens,
    ) -> None:
        self._registrar = registrar
        self._log_in = log_in
        self._refresher = refresher
        self._sessions = sessions
        self._passwords = passwords
        self._deletion = deletion
        self._profiles = profiles
        self._pages = pages

    async def register(self, request: pb.RegisterRequest, caller: Caller) -> pb.RegisterResponse:
        """Make an account."""
        application = Application(
            request_id=request.request_id,
            username=request.username,
            password=request.password,
            display_name=request.display_name,
            locale=request.locale,
            address=caller.address,
        )
        return pb.RegisterResponse(user=to_user(await self._registrar.register(application)))

    async def log_in(self, request: pb.LogInRequest, caller: Caller) -> pb.LogInResponse:
        """Open a session."""
        credentials = Credentials(
            request_id=request.request_id,
            username=request.username,
            password=request.password,
            device=from_device(request.device),
            device_id=request.device_id,
            address=caller.address,
            device_key=request.device_key,
        )
        opened = await self._log_in.log_in(credentials)
        return pb.LogInResponse(
            tokens=to_tokens(opened.tokens),
            user=to_user(opened.account),
            device_id=opened.session.device_id,
            session=to_session(opened.session, opened.session.session_id),
            device_key=opened.device_key,
        )

    async def refresh(self, request: pb.RefreshRequest, caller: Caller) -> pb.RefreshResponse:
        """Trade a refresh token for new tokens."""
        device_id = DeviceId(request.device_id)
        tokens = await self._refresher.refresh(request.refresh_token, device_id, caller.address)
        return pb.RefreshResponse(tokens=to_tokens(tokens))

    async def log_out(self, request: pb.LogOutRequest, caller: Caller) -> pb.LogOutResponse:
        """End the calling session."""
        await self._sessions.log_out(SessionId(caller.session_id))
        return pb.LogOutResponse()

    async def list_sessions(self, request: pb.ListSessionsRequest, caller: Caller) -> pb.ListSessionsResponse:
        """List the caller's sessions."""
        sessions = await self._sessions.list(UserId(caller.user_id))
        shown = [to_session(one.session, caller.session_id, connected=one.connected) for one in sessions]
        return pb.ListSessionsResponse(sessions=shown)

    async def rename_device(self, request: pb.RenameDeviceRequest, caller: Caller) -> pb.RenameDeviceResponse:
        """Give one of the caller's devices another name."""
        session_id = SessionId(request.session_id or caller.session_id)
        session = await self._sessions.rename(UserId(caller.user_id), session_id, request.name)
        return pb.RenameDeviceResponse(session=to_session(session, caller.session_id))

    async def revoke_session(self, request: pb.RevokeSessionRequest, caller: Caller) -> pb.RevokeSessionResponse:
        """End one of the caller's sessions, or all but the calling one."""
        user_id = UserId(caller.user_id)
        if request.all_others:
            count = await self._sessions.revoke_others(user_id, SessionId(caller.session_id))
        else:
            count = await self._sessions.revoke(user_id, SessionId(request.session_id))
        return pb.RevokeSessionResponse(revoked_count=count)

    async def get_user(self, request: pb.GetUserRequest, caller: Caller) -> pb.GetUserResponse:
        """Return one user."""
        viewer = UserId(caller.user_id)
        account = await self._profiles.get(viewer, UserId(request.user_id or viewer))
        return pb.GetUserResponse(user=to_user(account))

    async def batch_get_users(self, request: pb.BatchGetUsersRequest, caller: Caller) -> pb.BatchGetUsersResponse:
        """Return many users."""
        accounts = await self._profiles.batch(UserId(caller.user_id), [UserId(one) for one in request.user_ids])
        return pb.BatchGetUsersResponse(users=[to_user(account) for account in accounts])

    async def find_users(self, request: pb.FindUsersRequest, caller: Caller) -> pb.FindUsersResponse:
        """Find users by id, name, or beginning of a name."""
        query = ("find_users", caller.user_id, request.query, str(request.prefix))
        after = self._pages.decode(query, request.page_token)
        search = Search(request.query, request.prefix, after, page_size(request.page_size))
        found = await self._profiles.find(UserId(caller.user_id), search)
        token = self._pages.encode(query, found.after)
        return pb.FindUsersResponse(users=[to_user(one) for one in found.accounts], next_page_token=token)

    async def update_profile(self, request: pb.UpdateProfileRequest, caller: Caller) -> pb.UpdateProfileResponse:
        """Change the caller's profile."""
        changes: dict[str, Any] = {path: getattr(request.profile, path) for path in request.update_mask.paths}
        account = await self._profiles.update(
            UserId(caller.user_id), lambda profile: replace(profile, **changes), request.expected_version
        )
        return pb.UpdateProfileResponse(user=to_user(account))

    async def change_password(self, request: pb.ChangePasswordRequest, caller: Caller) -> pb.ChangePasswordResponse:
        """Set a new password."""
        changed = await self._passwords.change(
            UserId(caller.user_id),
            SessionId(caller.session_id),
            DeviceId(caller.device_id),
            request.old_password,
            request.new_password,
        )
        return pb.ChangePasswordResponse(tokens=to_tokens(changed.tokens), device_key=changed.device_key)

    async def delete_account(self, request: pb.DeleteAccountRequest, caller: Caller) -> pb.DeleteAccountResponse:
        """Delete the caller's account."""
        await self._deletion.delete(UserId(caller.user_id), request.password, DeviceId(caller.device_id))
        return pb.DeleteAccountResponse()
