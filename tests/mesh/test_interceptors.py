from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.call import chain
from mesh.clock import FakeClock
from mesh.errors import Code, FieldViolation, Reason
from mesh.interceptors import CallSettings
from mesh.limits import Rate
from mesh.server import ServerSettings
from mesh.tokens import SERVICES, USERS, Authenticator, TokenSigner, TokenVerifier, VerificationKey
from tests.mesh.echo import CANARY, Ping, bearer, path, refused, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mesh.call import Call, Handler
    from tests.mesh.echo import Running

CLOCK = FakeClock(1_800_000_000_000)
KEY = Ed25519PrivateKey.generate()
MESH_KEY = Ed25519PrivateKey.generate()
KEYS = {"k": VerificationKey(KEY.public_key(), USERS), "m": VerificationKey(MESH_KEY.public_key(), SERVICES)}
USER = TokenSigner(KEY, "k", CLOCK).access("u1", "d1", "s1").token
ADMIN = TokenSigner(KEY, "k", CLOCK).access("u2", "d2", "s2", admin=True).token
PEER = TokenSigner(MESH_KEY, "m", CLOCK).service("group").token


def _authenticator() -> Authenticator:
    return Authenticator(TokenVerifier(KEYS, CLOCK))


def _settings(**calls: object) -> ServerSettings:
    return ServerSettings(calls=CallSettings(**calls))  # type: ignore[arg-type]  # named by each test


@pytest.fixture
async def echo() -> AsyncIterator[Running]:
    async with running(authenticator=_authenticator()) as echo:
        yield echo


@pytest.mark.parametrize(
    "rpc, token, expected",
    [
        ("Say", "", Code.OK),
        ("Say", "garbage", Code.OK),
        ("SayAsUser", "", Code.UNAUTHENTICATED),
        ("SayAsUser", "garbage", Code.UNAUTHENTICATED),
        ("SayAsUser", USER, Code.OK),
        ("SayAsUser", ADMIN, Code.OK),
        ("SayAsUser", PEER, Code.PERMISSION_DENIED),
        ("SayAsService", USER, Code.PERMISSION_DENIED),
        ("SayAsService", PEER, Code.OK),
        ("SayAsAdmin", USER, Code.PERMISSION_DENIED),
        ("SayAsAdmin", ADMIN, Code.OK),
        ("SayUndeclared", USER, Code.PERMISSION_DENIED),
        ("SayUndeclared", ADMIN, Code.PERMISSION_DENIED),
        ("SayUndeclared", PEER, Code.PERMISSION_DENIED),
    ],
)
async def test_a_token_opens_what_the_contract_says(echo: Running, rpc: str, token: str, expected: Code) -> None:
    """Each kind of caller reaches its own methods and no other; public methods do not look at a token."""
    try:
        await echo.call(rpc, metadata=bearer(token) if token else ())
    except grpc.aio.AioRpcError as error:
        assert error.code().value[0] == expected  # noqa: PT017  success is one of the cases
    else:
        assert expected == Code.OK


async def test_a_server_without_authenticator_serves_public_methods_only() -> None:
    """Forgetting it opens nothing."""
    async with running() as echo:
        assert await echo.call("Say") == "hello"
        error = await refused(echo.call("SayAsUser", metadata=bearer(USER)))
        assert error.code == Code.PERMISSION_DENIED


async def test_two_authorization_headers_are_refused(echo: Running) -> None:
    """Nobody can hide a second identity behind the first."""
    metadata = (("authorization", f"Bearer {USER}"), ("authorization", f"Bearer {ADMIN}"))
    error = await refused(echo.unary("SayAsUser")(Ping(), metadata=metadata, timeout=30))
    assert error.code == Code.UNAUTHENTICATED


async def test_a_method_without_a_coroutine_is_not_available_yet(echo: Running) -> None:
    """What the contract has and the server has not is told by its reason."""
    error = await refused(echo.call("SayLater"))
    assert (error.code, error.reason) == (Code.UNIMPLEMENTED, Reason.NOT_YET_AVAILABLE)


async def test_a_typed_error_arrives_as_it_was_raised(echo: Running) -> None:
    """Code, reason, words and metadata cross the wire."""
    error = await refused(echo.call("Say", "conflict"))
    assert (error.code, error.reason, error.message) == (Code.ABORTED, "LOST_RACE", "read again")
    assert dict(error.metadata) == {"version": "7"}


async def test_an_unforeseen_exception_tells_nothing(echo: Running) -> None:
    """The caller gets INTERNAL and a number; the log has the number, the type and the place, and no word of it."""
    error = await refused(echo.call("Say", "boom"))
    assert (error.code, error.reason, error.message) == (Code.INTERNAL, Reason.INTERNAL, "internal error")
    [line] = [json.loads(line) for line in echo.log.getvalue().splitlines()]
    assert line["correlation_id"] == error.metadata["correlation_id"]
    assert (line["exception"], line["method"]) == ("RuntimeError", path("Say"))
    assert any("say" in place for place in line["at"])
    assert CANARY not in echo.log.getvalue() + str(error) + str(dict(error.metadata))


async def test_a_request_outside_its_limits_names_its_fields(echo: Running) -> None:
    """The path and the rule of each field come back, and never a value."""
    bad = Ping(text=CANARY, inner=Ping(list=[Ping(), Ping(text=CANARY)]))
    error = await refused(echo.unary("Say")(bad, timeout=30))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)
    assert {violation.field for violation in error.fields} == {"text", "inner.list[1].text"}
    assert all("10" in violation.description for violation in error.fields)
    assert CANARY not in repr((error, error.fields))


async def test_the_list_of_fields_is_bounded(echo: Running) -> None:
    """Many wrong fields still make an answer that fits into a client's metadata; very many are not all looked for."""
    for wrong, named in ((100, 16), (1_000, 1)):
        error = await refused(echo.unary("Say")(Ping(list=[Ping(text="x" * 11) for _ in range(wrong)]), timeout=30))
        assert error.fields[0] == FieldViolation("list[0].text", error.fields[0].description)
        assert len(error.fields) == named


async def test_a_caller_who_calls_too_often_is_told_when_to_return() -> None:
    """After the burst comes RESOURCE_EXHAUSTED with a time, and after that time a call is let in."""
    clock = FakeClock(1_800_000_000_000)
    async with running(_settings(public=Rate(2, 1.0)), clock=clock) as echo:
        await echo.call("Say")
        await echo.call("Say")
        error = await refused(echo.call("Say"))
        assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, Reason.RATE_LIMITED)
        assert error.retry_after == pytest.approx(1.0)
        clock.advance(1.0)
        assert await echo.call("Say") == "hello"


async def test_reads_and_writes_and_users_are_counted_apart() -> None:
    """A user who writes too much can read, another user can write, and a service is not rated."""
    settings = _settings(public=Rate(1, 0.001), reads=Rate(1, 0.001), writes=Rate(1, 0.001))
    async with running(settings, authenticator=_authenticator()) as echo:
        await echo.call("SayAsUser", metadata=bearer(USER))
        assert (await refused(echo.call("SayAsUser", metadata=bearer(USER)))).reason == Reason.RATE_LIMITED
        await echo.call("GetAsUser", metadata=bearer(USER))
        await echo.call("SayAsUser", metadata=bearer(ADMIN))
        for _ in range(3):
            await echo.call("SayAsService", metadata=bearer(PEER))


async def test_a_full_process_refuses_and_recovers() -> None:
    """More calls than fit are refused at once, and a place is free as soon as a call ends."""
    async with running(_settings(max_calls=2)) as echo:
        inside = [asyncio.create_task(echo.call("Say", "wait")) for _ in range(2)]
        await until(lambda: echo.servicer.inside == 2)
        error = await refused(echo.call("Say"))
        assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, Reason.OVERLOADED)
        echo.servicer.release.set()
        await asyncio.gather(*inside)
        assert await echo.call("Say") == "hello"


async def test_one_user_has_a_part_of_the_places() -> None:
    """Slow calls of one user leave room for those of others, and are told so before all places are taken."""
    async with running(_settings(max_calls=4, max_calls_of_one=2), authenticator=_authenticator()) as echo:
        inside = [asyncio.create_task(echo.call("SayAsUser", "wait", metadata=bearer(USER))) for _ in range(2)]
        await until(lambda: echo.servicer.inside == 2)
        error = await refused(echo.call("SayAsUser", "hello", metadata=bearer(USER)))
        assert (error.code, error.reason, error.retry_after) == (Code.RESOURCE_EXHAUSTED, Reason.OVERLOADED, 1.0)
        assert await echo.call("SayAsUser", "hello", metadata=bearer(ADMIN)) == "u2"
        echo.servicer.release.set()
        await asyncio.gather(*inside)
        assert await echo.call("SayAsUser", "hello", metadata=bearer(USER)) == "u1"


async def test_who_holds_their_request_back_has_no_place() -> None:
    """Calls whose message does not come keep nobody out, however many there are, and end by themselves."""
    async with running(_settings(max_calls=2, first_message_seconds=1.0)) as echo:
        silent: list[Any] = [echo.channel.stream_unary(path("Say"))() for _ in range(5)]
        for call in silent:
            await call.wait_for_connection()
        for _ in range(20):
            assert await echo.call("Say") == "hello"
        for call in silent:
            assert (await refused(call)).code == Code.DEADLINE_EXCEEDED


async def test_a_cancelled_call_leaves_its_place() -> None:
    """A client that goes takes its call with it."""
    async with running(_settings(max_calls=1)) as echo:
        waiting = asyncio.create_task(echo.call("Say", "wait"))
        await until(lambda: echo.servicer.inside == 1)
        waiting.cancel()
        await until(lambda: echo.servicer.inside == 0)
        assert await echo.call("Say") == "hello"
        assert echo.servicer.cancelled == 1


async def test_streams_do_not_take_the_places_of_calls() -> None:
    """Ten thousand quiet devices leave room for unary calls, and streams have a limit of their own."""
    async with running(_settings(max_calls=1, max_streams=1)) as echo:
        stream = echo.stream("Chat")()
        await stream.write(Ping(text="a"))
        await stream.read()
        assert await echo.call("Say") == "hello"
        assert (await refused(echo.stream("Chat")().read())).reason == Reason.OVERLOADED
        stream.cancel()


async def test_a_link_between_services_may_be_quiet() -> None:
    """Only devices must speak first within the time."""
    settings = _settings(first_message_seconds=0.05)
    async with running(settings, authenticator=_authenticator()) as echo:
        link: Any = echo.stream("Link")(metadata=bearer(PEER))
        await asyncio.sleep(0.2)  # four times as long as a device has
        await link.write(Ping(text="late"))
        assert (await link.read()).text == "late"
        link.cancel()


async def test_a_client_cannot_ask_for_more_time_than_there_is() -> None:
    """A long deadline is cut to the longest that a call may take."""
    async with running(_settings(max_deadline_seconds=0.2)) as echo:
        assert (await refused(echo.call("Say", "wait", seconds=30))).code == Code.DEADLINE_EXCEEDED


def test_steps_run_from_the_outermost() -> None:
    """The list reads in the order in which a call passes."""
    seen: list[str] = []

    def step(name: str) -> object:
        async def run(call: Call, proceed: Handler) -> None:
            seen.append(name)
            await proceed(call)

        return run

    async def last(_: Call) -> None:
        seen.append("last")

    asyncio.run(chain([step("a"), step("b")], last)(None))  # type: ignore[list-item, arg-type]  # no call is needed
    assert seen == ["a", "b", "last"]
