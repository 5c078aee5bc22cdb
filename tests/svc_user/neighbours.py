"""The services that the user service calls, as small as they can be."""

from mesh.caller import Caller
from mesh.errors import unavailable, unimplemented
from parley.group.v1.group_service_pb2 import ForgetUserRequest, ForgetUserResponse
from parley.log.v1 import log_service_pb2
from parley.log.v1.log_service_pb2 import Append, AppendRequest, AppendResponse
from parley.message.v1.notice_pb2 import FriendNotice, SessionNotice

ForgottenLog = log_service_pb2.ForgetUserResponse


class Log:
    """Keeps what is appended, once for each number; `away` makes it unavailable."""

    def __init__(self) -> None:
        self.entries: list[Append] = []
        self.services: set[str] = set()
        self.forgotten: list[str] = []
        self.away = False
        self.calls = 0
        self._places: dict[tuple[str, int], int] = {}

    async def append(self, request: AppendRequest, caller: Caller) -> AppendResponse:
        self.calls += 1
        if self.away:
            raise unavailable("STORE_UNAVAILABLE", "away")
        self.services.add(caller.service)
        return AppendResponse(places=[self._place(one) for one in request.appends])

    def _place(self, append: Append) -> AppendResponse.Place:
        key = (append.conversation_id, append.client_message_id)
        if key in self._places:
            return AppendResponse.Place(seq=self._places[key], duplicate=True)
        self.entries.append(append)
        self._places[key] = len(self.entries)
        return AppendResponse.Place(seq=len(self.entries))

    def of(self, user_id: str) -> list[Append]:
        """The personal log of a user."""
        return [entry for entry in self.entries if entry.conversation_id == user_id]

    def friend_notices(self, user_id: str) -> list[tuple[str, str, bool]]:
        """What the user's log says of others: kind, user, own."""
        notices = [one.content.friend for one in self.of(user_id) if one.content.HasField("friend")]
        return [(FriendNotice.Kind.Name(one.kind)[5:], one.user_id, one.own) for one in notices]

    def session_notices(self, user_id: str) -> list[tuple[str, str]]:
        """What the user's log says of sessions: kind, session."""
        notices = [one.content.session for one in self.of(user_id) if one.content.HasField("session")]
        return [(SessionNotice.Kind.Name(one.kind)[5:], one.session_id) for one in notices]


class Groups:
    """The group service, which is told of users who are gone; while it is `away` it refuses."""

    def __init__(self) -> None:
        self.asked = 0
        self.forgotten: list[str] = []
        self.away = False

    async def forget_user(self, request: ForgetUserRequest, caller: Caller) -> ForgetUserResponse:
        self.asked += 1
        if self.away:
            raise unimplemented("NOT_YET_AVAILABLE", "away")  # an error that its caller does not try again at once
        self.forgotten.append(request.user_id)
        return ForgetUserResponse()


class LogServicer:
    def __init__(self, log: Log) -> None:
        self._log = log

    async def append(self, request: AppendRequest, caller: Caller) -> AppendResponse:
        return await self._log.append(request, caller)

    async def forget_user(self, request: log_service_pb2.ForgetUserRequest, caller: Caller) -> ForgottenLog:
        self._log.forgotten.append(request.user_id)
        return ForgottenLog()
