"""Questions to the user service."""

import asyncio
from typing import cast

import pytest

from mesh import errors
from parley.directory.v1.directory_service_pb2 import CheckSessionsRequest, CheckSessionsResponse
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_gateway.infrastructure.people import AT_ONCE, DirectoryPeople


class Directory:
    """Knows that sessions with an even number live; answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.let = asyncio.Event()
        self.error: Exception | None = None

    async def CheckSessions(self, request: CheckSessionsRequest) -> CheckSessionsResponse:
        self.asked.append(len(request.session_ids))
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return CheckSessionsResponse(live_session_ids=[id_ for id_ in request.session_ids if int(id_[1:]) % 2 == 0])


def people(directory: Directory) -> DirectoryPeople:
    return DirectoryPeople(cast("UserDirectoryServiceStub", directory))


async def test_sessions_that_are_asked_for_together_share_a_question() -> None:
    """Each gets its own answer, one that is asked for twice included, and one who went away costs nobody theirs."""
    directory = Directory()
    asking = people(directory)
    first = asyncio.create_task(asking.session_alive("s0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(asking.session_alive(f"s{n % 250}")) for n in range(1, 300)]
    await asyncio.sleep(0)
    rest[3].cancel()
    directory.let.set()
    answers = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [answers[n] for n in range(300) if n != 4] == [n % 250 % 2 == 0 for n in range(300) if n != 4]
    assert directory.asked == [1, AT_ONCE, AT_ONCE, 50]
    assert await asking.session_alive("s7") is False


@pytest.mark.parametrize("error", [errors.unavailable("SERVICE_UNAVAILABLE", "away"), KeyError("x")])
async def test_an_error_is_told_to_all_who_asked(error: Exception) -> None:
    """Nobody waits for ever when the user service does not answer, whatever the reason, and all may ask again."""
    directory = Directory()
    directory.error = error
    directory.let.set()
    asking = people(directory)
    answers = await asyncio.gather(asking.session_alive("s1"), asking.session_alive("s2"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(error)] * 2
    directory.error = None
    assert await asking.session_alive("s2") is True
