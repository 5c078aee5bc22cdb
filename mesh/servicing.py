"""Pairs the RPCs of a contract with the coroutines of a servicer, and refuses what does not fit."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message_factory import GetMessageClass

from mesh import access
from mesh.call import Method, Servicing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

    from parley.access.v1 import access_pb2

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def methods(
    servicer: object, service: ServiceDescriptor, callers: access_pb2.Callers.ValueType | None = None
) -> list[Method]:
    """Return a method for each RPC, with the servicer's coroutine where it has one; raises TypeError."""
    names = {snake_case(rpc.name) for rpc in service.methods}
    for name in _public(servicer):
        if name not in names:
            raise TypeError(f"{type(servicer).__qualname__}.{name} is no RPC of {service.full_name}")
    return [_method(servicer, service, rpc, callers) for rpc in service.methods]


def snake_case(name: str) -> str:
    """Return an RPC's name as its coroutine is called: `LogIn` -> `log_in`."""
    return _WORD_START.sub("_", name).lower()


def _method(
    servicer: object,
    service: ServiceDescriptor,
    rpc: MethodDescriptor,
    callers: access_pb2.Callers.ValueType | None,
) -> Method:
    function = getattr(servicer, snake_case(rpc.name), None)
    if function is not None:
        _check(function, rpc)
    return Method(
        path=f"/{service.full_name}/{rpc.name}",
        descriptor=rpc,
        request=GetMessageClass(rpc.input_type),
        callers=access.callers_of(rpc) if callers is None else callers,
        reads_only=rpc.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS,
        function=function,
        scopes=access.scopes_of(rpc),
    )


def _public(servicer: object) -> Iterator[str]:
    for name, member in inspect.getmembers(type(servicer)):
        if not name.startswith("_") and callable(member):
            yield name


def _check(function: Servicing, rpc: MethodDescriptor) -> None:
    name = getattr(function, "__qualname__", rpc.name)
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{name} must be a coroutine function")
    expected = _parameters(rpc)
    parameters = inspect.signature(function).parameters
    if tuple(parameters) != expected:
        raise TypeError(f"{name} must take ({', '.join(expected)})")
    if "request" in expected and _annotation(function) is not GetMessageClass(rpc.input_type):
        raise TypeError(f"{name}: request must be annotated as {rpc.input_type.full_name}")


def _parameters(rpc: MethodDescriptor) -> tuple[str, ...]:
    if rpc.client_streaming:
        return ("stream", "caller")
    if rpc.server_streaming:
        return ("request", "stream", "caller")
    return ("request", "caller")


def _annotation(function: Servicing) -> Any:
    # Only this one is looked at, so the others may be imported for type checking alone.
    annotation = inspect.signature(function).parameters["request"].annotation
    only = SimpleNamespace(__annotations__={"request": annotation})
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return get_type_hints(only, globalns=scope)["request"]
    except NameError:
        return None
