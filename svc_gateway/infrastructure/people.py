"""`svc_gateway.domain.People`, answered by the user service."""

import asyncio
from collections.abc import Sequence

from mesh.questions import Questions
from mesh.session_end import SessionEnd
from parley.directory.v1.directory_service_pb2 import (
    CheckPresenceRequest,
    CheckSessionsRequest,
    GetProfilesRequest,
    SetSeenAsRequest,
)
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.user.v1.user_pb2 import SeenAs
from svc_gateway.domain import Seen, Wish


class DirectoryPeople:
    """Asks UserDirectoryService, for all devices that wait at once."""

    def __init__(self, directory: UserDirectoryServiceStub) -> None:
        self._directory = directory
        self._alive = Questions(self._live)
        self._ends = Questions(self._ended)
        self._wishes = Questions(self._wished)

    async def visible(self, watcher_id: str, user_ids: Sequence[str]) -> list[str]:
        """See the port."""
        request = CheckPresenceRequest(watcher_id=watcher_id, user_ids=user_ids)
        return list((await self._directory.CheckPresence(request)).visible_user_ids)

    async def wishes(self, user_ids: Sequence[str]) -> dict[str, Wish]:
        """See the port."""
        answers = await asyncio.gather(*(self._wishes.answer(user_id) for user_id in user_ids))
        return {user_id: wish for user_id, wish in zip(user_ids, answers, strict=True) if wish is not None}

    async def wish(self, user_id: str, seen: Seen) -> None:
        """See the port."""
        await self._directory.SetSeenAs(SetSeenAsRequest(user_id=user_id, seen_as=SeenAs.ValueType(seen)))

    async def session_alive(self, session_id: str) -> bool:
        """See the port."""
        return await self._alive.answer(session_id)

    async def session_end(self, session_id: str) -> SessionEnd:
        """See the port."""
        return await self._ends.answer(session_id)

    async def _ended(self, session_ids: Sequence[str]) -> dict[str, SessionEnd]:
        answer = await self._directory.CheckSessions(CheckSessionsRequest(session_ids=session_ids))
        ends = {one.session_id: SessionEnd(int(one.end)) for one in answer.ended}
        return {session_id: ends.get(session_id, SessionEnd.UNKNOWN) for session_id in session_ids}

    async def _wished(self, user_ids: Sequence[str]) -> dict[str, Wish | None]:
        profiles = (await self._directory.GetProfiles(GetProfilesRequest(user_ids=user_ids))).profiles
        found = {one.user_id: Wish(Seen(one.seen_as or Seen.ONLINE), one.seen_as_at_ms) for one in profiles}
        return {user_id: found.get(user_id) for user_id in user_ids}

    async def _live(self, session_ids: Sequence[str]) -> dict[str, bool]:
        answer = await self._directory.CheckSessions(CheckSessionsRequest(session_ids=session_ids))
        live = set(answer.live_session_ids)
        return {session_id: session_id in live for session_id in session_ids}
