"""`svc_gateway.domain.People`, answered by the user service."""

import asyncio
import contextvars
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from parley.directory.v1.directory_service_pb2 import CheckPresenceRequest, CheckSessionsRequest
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub

AT_ONCE: Final = 100
"""Sessions of one question: fewer than the contract allows, so that no answer takes long."""

Answers = Mapping[str, asyncio.Future[bool]]


class DirectoryPeople:
    """Asks UserDirectoryService.

    Sessions that are asked for while an answer is on its way share the next question: a call for each of the devices
    that come back at once cost more than all else that is done to let them in, memory included.
    """

    def __init__(self, directory: UserDirectoryServiceStub) -> None:
        self._directory = directory
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def visible(self, watcher_id: str, user_ids: Sequence[str]) -> list[str]:
        """See the port."""
        request = CheckPresenceRequest(watcher_id=watcher_id, user_ids=user_ids)
        return list((await self._directory.CheckPresence(request)).visible_user_ids)

    async def session_alive(self, session_id: str) -> bool:
        """See the port."""
        answer = self._waiting.get(session_id)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = self._waiting[session_id] = loop.create_future()
            if self._asking is None:
                # Not in the context of the first who asks: its deadline is not that of the others.
                self._asking = loop.create_task(self._ask_all(), context=contextvars.Context())
        return await asyncio.shield(answer)

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                some = {session_id: self._waiting.pop(session_id) for session_id in [*islice(self._waiting, AT_ONCE)]}
                await self._ask(some)
        finally:
            self._asking = None

    async def _ask(self, answers: Answers) -> None:
        try:
            request = CheckSessionsRequest(session_ids=answers)
            live = set((await self._directory.CheckSessions(request)).live_session_ids)
        except Exception as error:  # noqa: BLE001  whatever it is, each of those who asked is told
            for answer in answers.values():
                answer.set_exception(error)
                answer.exception()  # whoever asked may be gone, and nobody else need hear of it
        else:
            for session_id, answer in answers.items():
                answer.set_result(session_id in live)
        finally:
            for answer in answers.values():
                answer.cancel()  # at the end of the process; one that has its result keeps it
