"""`svc_gateway.domain.People`, answered by the user service."""

from collections.abc import Sequence

from mesh.questions import Questions
from parley.directory.v1.directory_service_pb2 import CheckPresenceRequest, CheckSessionsRequest
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub


class DirectoryPeople:
    """Asks UserDirectoryService, for all devices that wait at once."""

    def __init__(self, directory: UserDirectoryServiceStub) -> None:
        self._directory = directory
        self._alive = Questions(self._live)

    async def visible(self, watcher_id: str, user_ids: Sequence[str]) -> list[str]:
        """See the port."""
        request = CheckPresenceRequest(watcher_id=watcher_id, user_ids=user_ids)
        return list((await self._directory.CheckPresence(request)).visible_user_ids)

    async def session_alive(self, session_id: str) -> bool:
        """See the port."""
        return await self._alive.answer(session_id)

    async def _live(self, session_ids: Sequence[str]) -> dict[str, bool]:
        answer = await self._directory.CheckSessions(CheckSessionsRequest(session_ids=session_ids))
        live = set(answer.live_session_ids)
        return {session_id: session_id in live for session_id in session_ids}
