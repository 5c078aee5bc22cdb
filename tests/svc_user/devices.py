"""What tests do with sessions."""

from mesh.errors import MeshError
from parley.user.v1.session_pb2 import Tokens
from parley.user.v1.user_service_pb2 import (
    ListSessionsRequest,
    LogInRequest,
    RefreshRequest,
)
from tests.svc_user.world import PASSWORD, PHONE, Person, World, refused

OTHER_PASSWORD = "another good password"


async def refresh(world: World, token: str, device_id: str) -> Tokens:
    """New tokens."""
    request = RefreshRequest(refresh_token=token, device_id=device_id)
    return (await world.users.Refresh(request)).tokens


async def sessions(world: World, person: Person) -> list[str]:
    """The ids of the live sessions."""
    answer = await world.users.ListSessions(ListSessionsRequest(), metadata=person.auth)
    return [session.session_id for session in answer.sessions]


def _log_in(
    world: World, username: str, password: str, request_id: str | None = None, device_id: str = ""
) -> LogInRequest:
    number = world.request_id() if request_id is None else request_id
    return LogInRequest(request_id=number, username=username, password=password, device=PHONE, device_id=device_id)


async def log_in_refused(
    world: World, username: str = "ada", password: str = PASSWORD, request_id: str | None = None, device_id: str = ""
) -> MeshError:
    """The error of a log-in on a new device."""
    return await refused(world.users.LogIn(_log_in(world, username, password, request_id, device_id)))
