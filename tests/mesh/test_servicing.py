from __future__ import annotations

from typing import cast

import pytest
from google.protobuf.empty_pb2 import Empty

from mesh import access, servicing, wire
from mesh.call import Call, invoke
from mesh.caller import Caller
from mesh.stream import Stream
from mesh.wire import Encoded
from tests.mesh.echo import SERVICE, EchoServicer, Ping, Pong, path


class Misspelt:
    async def sai(self, request: Ping, caller: Caller) -> Pong: ...


class TakesAnother:
    async def say(self, request: Empty, caller: Caller) -> Pong: ...


class TakesAnything:
    async def say(self, request, caller) -> Pong: ...  # type: ignore[no-untyped-def]  # noqa: ANN001  this is what is refused


class TakesTooMuch:
    async def say(self, request: Ping, stream: Stream, caller: Caller) -> Pong: ...


class IsNoCoroutine:
    def say(self, request: Ping, caller: Caller) -> Pong: ...


@pytest.mark.parametrize(
    "servicer, message",
    [
        (Misspelt(), r"Misspelt\.sai is no RPC of mesh\.test\.v1\.EchoService"),
        (TakesAnother(), r"request must be annotated as mesh\.test\.v1\.Ping"),
        (TakesAnything(), r"request must be annotated as mesh\.test\.v1\.Ping"),
        (TakesTooMuch(), r"must take \(request, caller\)"),
        (IsNoCoroutine(), r"must be a coroutine function"),
    ],
)
def test_a_servicer_that_does_not_fit_its_contract_is_refused(servicer: object, message: str) -> None:
    """A slip of the pen is found when the process starts and not when a user calls."""
    with pytest.raises(TypeError, match=message):
        servicing.methods(servicer, SERVICE)


async def test_each_rpc_becomes_a_method() -> None:
    """Path, callers, idempotency and the coroutine come from contract and servicer; a missing one is None."""
    methods = {method.path: method for method in servicing.methods(EchoServicer(), SERVICE)}
    assert set(methods) == {path(rpc.name) for rpc in SERVICE.methods}
    assert methods[path("SayLater")].function is None
    assert methods[path("SayAsUser")].callers == access.USER
    assert [p for p, method in methods.items() if method.reads_only] == [path("GetAsUser")]
    assert methods[path("Say")].request is Ping


async def test_a_foreign_service_is_given_its_callers() -> None:
    """A contract without the option can be served by saying who may call it."""
    assert {m.callers for m in servicing.methods(EchoServicer(), SERVICE, access.ADMIN)} == {access.ADMIN}


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Say", "say"),
        ("LogIn", "log_in"),
        ("GetURL", "get_url"),
        ("ListHTTPRoutes", "list_http_routes"),
        ("V2Get", "v2_get"),
    ],
)
def test_an_rpc_name_in_snake_case(name: str, expected: str) -> None:
    """Acronyms and digits stay together."""
    assert servicing.snake_case(name) == expected


class AnswersBytes(EchoServicer):
    async def get_as_user(self, request: Ping, caller: Caller) -> Encoded[Pong]:
        return Encoded(wire.field(Pong.DESCRIPTOR.fields_by_name["text"].number, b"as it was stored"))


async def test_an_answer_may_be_encoded_already() -> None:
    """A coroutine may return bytes in place of a message; they go out as they are."""
    [method] = [m for m in servicing.methods(AnswersBytes(), SERVICE) if m.path == path("GetAsUser")]
    call = Call(method, cast(Stream, None), "", request=Ping())
    await invoke(call)
    assert Pong.FromString(call.response).text == "as it was stored"
