"""The mesh as it runs in earnest, seen from outside: through Envoy, to one of several nodes of each service."""

import asyncio
import http.client
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.access import SERVICE, callers_of
from mesh.clock import SystemClock
from mesh.tokens import TokenSigner
from parley.directory.v1 import directory_service_pb2
from parley.group.v1 import group_service_pb2
from parley.link.v1 import link_service_pb2
from parley.log.v1 import log_service_pb2
from parley.user.v1 import user_service_pb2
from parley.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.journeys.people import Device, People
from tests.journeys.raw import RawDevice, log_in_again, open_channel, text_send

pytestmark = pytest.mark.real

EDGE: Final = os.environ["PARLEY_TEST_EDGE"]
GET_USER: Final = "/parley.user.v1.UserService/GetUser"
PAGE: Final = "http://localhost:5173"
ROUTE_TIMEOUT_S: Final = 15
"""What Envoy gives a call that nothing is said about."""

INTERNAL: Final = [
    f"/{service.full_name}/{method.name}"
    for module in (directory_service_pb2, link_service_pb2, log_service_pb2, group_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if callers_of(method) == SERVICE
]


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """Users behind the edge."""
    async with People(EDGE, tmp_path) as people:
        yield people


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """What goes along with a call."""
    return (("authorization", f"Bearer {token}"),)


async def call(path: str, *, token: str = "", channel: grpc.aio.Channel) -> grpc.aio.AioRpcError | bytes:
    """Call a path with an empty request; return the answer, or why there is none."""
    method: Callable[..., Awaitable[bytes]] = channel.unary_unary(path)
    try:
        return await method(b"", timeout=5, metadata=bearer(token) if token else ())
    except grpc.aio.AioRpcError as error:
        return error


async def refusal(path: str, token: str = "") -> tuple[grpc.StatusCode, str]:
    """The status of a call that is refused, and its text."""
    async with open_channel(EDGE) as channel:
        answer = await call(path, token=token, channel=channel)
        assert isinstance(answer, grpc.aio.AioRpcError)
        return answer.code(), answer.details() or ""


async def test_people_meet_behind_the_edge(people: People) -> None:
    """Whoever registers, logs in and opens a stream there writes and is read, by everybody in the same order."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob, eve)
    for device in (ann, bob, eve):
        await device.say(group, f"{device.username} is here")
    last = (await ann.history(group))[-1].seq
    for device in (ann, bob, eve):
        await device.until_seq(group, last)
    assert ann.texts(group) == bob.texts(group)
    assert sorted(ann.texts(group)) == sorted(f"{one.username} is here" for one in (ann, bob, eve))


async def test_nobody_comes_in_without_a_token_of_this_mesh(people: People) -> None:
    """Without a token, and with one that another key signed, the edge itself answers UNAUTHENTICATED."""
    ann = await people.user("ann")
    forged = TokenSigner(Ed25519PrivateKey.generate(), "0" * 16, SystemClock()).access(ann.user_id, ann.id, "s")
    for token in ("", forged.token):
        code, text = await refusal(GET_USER, token)
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "Jwt" in text
    async with open_channel(EDGE) as channel:
        answer = await UserServiceStub(channel).GetUser(
            user_service_pb2.GetUserRequest(), metadata=bearer(ann.access_token)
        )
    assert answer.user.user_id == ann.user_id


async def test_what_services_say_to_each_other_is_not_there(people: People) -> None:
    """No RPC that is for services has a way in, not even for a user with a good token."""
    ann = await people.user("ann")
    assert len(INTERNAL) > 5
    for path in INTERNAL:
        assert (await refusal(path, ann.access_token))[0] is grpc.StatusCode.UNIMPLEMENTED, path


async def test_one_connection_cannot_ask_for_more_than_its_share() -> None:
    """Whoever floods is answered RESOURCE_EXHAUSTED, and another connection does not feel it."""
    async with open_channel(EDGE) as flooding, open_channel(EDGE) as other:
        codes = set()
        async with asyncio.timeout(30):
            while grpc.StatusCode.RESOURCE_EXHAUSTED not in codes:
                answers = await asyncio.gather(*(call(GET_USER, channel=flooding) for _ in range(100)))
                codes |= {answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)}
        beside = await call(GET_USER, channel=other)
    assert codes == {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert isinstance(beside, grpc.aio.AioRpcError)
    assert beside.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_quiet_stream_outlives_the_timeout_of_calls(people: People) -> None:
    """A stream that says nothing for longer than a call may take still carries a message."""
    ann, bob = await people.users("ann", "bob")
    login = await log_in_again(EDGE, ann.username)
    async with RawDevice.open(EDGE, login) as raw:
        await asyncio.sleep(ROUTE_TIMEOUT_S + 2)
        await raw.send(text_send(ann.chat_with(bob), "still here"))
        await bob.until_text(ann.chat_with(bob), "still here")


async def test_a_web_page_calls_after_a_preflight(people: People) -> None:
    """A page of an allowed origin gets its preflight without a token, and an answer to a gRPC-web call."""
    ann = await people.user("ann")
    status, headers, _ = await asyncio.to_thread(preflight, PAGE)
    assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
    assert {"authorization", "x-grpc-web"} <= set(headers["access-control-allow-headers"].split(","))
    status, headers, body = await asyncio.to_thread(get_user_on_the_web, ann)
    assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
    length = int.from_bytes(body[1:5])
    assert user_service_pb2.GetUserResponse.FromString(body[5 : 5 + length]).user.user_id == ann.user_id
    assert b"grpc-status:0" in body[5 + length :].replace(b" ", b"")


async def test_a_strange_web_page_is_not_let_in() -> None:
    """A page of another origin is named in no answer, so that the browser keeps the answer from it."""
    _, headers, _ = await asyncio.to_thread(preflight, "https://evil.example")
    assert "access-control-allow-origin" not in headers


def preflight(origin: str) -> tuple[int, dict[str, str], bytes]:
    """Ask as a browser asks before it calls from a page of this origin."""
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-grpc-web"}
    return ask("OPTIONS", {"origin": origin, **asks})


def get_user_on_the_web(device: Device) -> tuple[int, dict[str, str], bytes]:
    """Call GetUser with an empty message, as a page does."""
    kind = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    return ask("POST", {"origin": PAGE, "authorization": f"Bearer {device.access_token}", **kind}, bytes(5))


def ask(method: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """One request over HTTP/1.1: status, headers and body of the answer."""
    connection = http.client.HTTPConnection(EDGE, timeout=10)
    try:
        connection.request(method, GET_USER, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()
