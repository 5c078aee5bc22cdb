from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from parley.user.v1 import session_pb2, user_pb2, user_service_pb2, user_service_pb2_grpc
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.infrastructure.calls import Calls

_BATCH = 200


class Users:
    """Accounts, profiles and one's own sessions."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def get(self, user_id: str = "") -> user_pb2.User:
        """Return a user as the caller may see them; without an id, oneself. Reasons: USER_NOT_FOUND."""
        request = user_service_pb2.GetUserRequest(user_id=user_id)
        return (await self._calls.unary(self._stub().GetUser, request)).user

    async def get_many(self, user_ids: Iterable[str]) -> list[user_pb2.User]:
        """Return users in the order named; those who do not exist are left out."""
        wanted = list(dict.fromkeys(user_ids))
        users: list[user_pb2.User] = []
        for start in range(0, len(wanted), _BATCH):
            request = user_service_pb2.BatchGetUsersRequest(user_ids=wanted[start : start + _BATCH])
            users += (await self._calls.unary(self._stub().BatchGetUsers, request)).users
        return users

    async def find(self, query: str, *, prefix: bool = False, limit: int = 50) -> list[user_pb2.User]:
        """Return users by id or username; with `prefix` also those whose username begins so."""

        async def page(token: str) -> tuple[Sequence[user_pb2.User], str]:
            request = user_service_pb2.FindUsersRequest(
                query=query, prefix=prefix, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._stub().FindUsers, request)
            return response.users, response.next_page_token

        return await gather(page, limit)

    async def update_profile(self, **changes: str) -> user_pb2.User:
        """Change fields of one's own profile by name: display_name, avatar_media_id, bio, birthday, locale, region,
        pronouns. Reasons, for a new picture: MEDIA_NOT_FOUND, MEDIA_WRONG_PURPOSE, MEDIA_NOT_READY.
        """
        request = user_service_pb2.UpdateProfileRequest(update_mask=FieldMask(paths=list(changes)))
        for name, value in changes.items():
            setattr(request.profile, name, value)
        request.profile.SetInParent()
        return (await self._calls.unary(self._stub().UpdateProfile, request)).user

    async def change_password(self, old: str, new: str) -> user_service_pb2.ChangePasswordResponse:
        """Set a new password. Use Client.change_password, which goes on with the new tokens."""
        request = user_service_pb2.ChangePasswordRequest(old_password=old, new_password=new)
        return await self._calls.unary(self._stub().ChangePassword, request, again=False)

    async def delete_account(self, password: str) -> None:
        """Delete one's own account for good. Use Client.delete_account, which forgets it here too."""
        request = user_service_pb2.DeleteAccountRequest(password=password)
        await self._calls.unary(self._stub().DeleteAccount, request, again=False)

    async def sessions(self) -> list[session_pb2.Session]:
        """Return one's own sessions, those that are connected first, then the latest seen."""
        response = await self._calls.unary(self._stub().ListSessions, user_service_pb2.ListSessionsRequest())
        return list(response.sessions)

    async def revoke_session(self, session_id: str) -> None:
        """End one of one's own sessions. Reasons: SESSION_NOT_FOUND."""
        request = user_service_pb2.RevokeSessionRequest(session_id=session_id)
        await self._calls.unary(self._stub().RevokeSession, request)

    async def rename_device(self, name: str, session_id: str = "") -> session_pb2.Session:
        """Give the device of a session another name; without an id this one. Reasons: SESSION_NOT_FOUND."""
        request = user_service_pb2.RenameDeviceRequest(session_id=session_id, name=name)
        return (await self._calls.unary(self._stub().RenameDevice, request)).session

    async def revoke_other_sessions(self) -> int:
        """End all other sessions; return how many."""
        request = user_service_pb2.RevokeSessionRequest(all_others=True)
        return (await self._calls.unary(self._stub().RevokeSession, request)).revoked_count

    def _stub(self) -> user_service_pb2_grpc.UserServiceStub:
        return self._calls.stub(user_service_pb2_grpc.UserServiceStub)
