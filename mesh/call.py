"""What the chain of interceptors passes along: which method, and this one call of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from mesh import errors
from mesh.caller import ANONYMOUS, Caller
from mesh.errors import Code, MeshError, Reason
from mesh.stream import Stream
from mesh.wire import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import MethodDescriptor

    from parley.access.v1 import access_pb2

Servicing = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC of the contract; `function` is the servicer's coroutine, None when it has none yet."""

    path: str
    descriptor: MethodDescriptor
    request: type[Message]
    callers: access_pb2.Callers.ValueType
    reads_only: bool
    function: Servicing | None
    scopes: frozenset[int] = frozenset()
    """What a bot's token must allow."""

    @property
    def client_streaming(self) -> bool:
        """Whether the client sends any number of messages."""
        return bool(self.descriptor.client_streaming)

    @property
    def server_streaming(self) -> bool:
        """Whether the server sends any number of messages."""
        return bool(self.descriptor.server_streaming)

    @property
    def streaming(self) -> bool:
        """Whether it may last: such an RPC has no default deadline."""
        return self.client_streaming or self.server_streaming


@dataclass(slots=True)
class Call:
    """One call on its way through the chain; each step fills in what it found out."""

    method: Method
    stream: Stream
    address: str
    caller: Caller = ANONYMOUS
    request: Message | None = None
    response: bytes = b""
    code: Code = Code.OK

    def fail(self, error: MeshError) -> None:
        """Answer with this error."""
        self.code = error.code
        self.stream.fail(error)


Handler = Callable[[Call], Awaitable[None]]
Step = Callable[[Call, Handler], Awaitable[None]]


def chain(steps: Sequence[Step], last: Handler) -> Handler:
    """Return one handler: each step, outermost first, around the rest, and `last` inside."""
    handler = last
    for step in reversed(steps):
        handler = partial(_around, step, handler)
    return handler


def _around(step: Step, rest: Handler, call: Call) -> Awaitable[None]:
    return step(call, rest)


def serve(call: Call) -> Awaitable[Message | Encoded[Message] | None]:
    """Call the servicer's method and return what it is awaited by: no coroutine of ours stays around it."""
    function = call.method.function
    if function is None:
        raise errors.unimplemented(Reason.NOT_YET_AVAILABLE, "this method is not available yet")
    if not call.method.client_streaming and call.method.server_streaming:
        return function(call.request, call.stream, call.caller)
    return function(call.stream if call.method.client_streaming else call.request, call.caller)


def answer(call: Call, response: Message | Encoded[Message] | None) -> None:
    """Take what the servicer returned; one that answers by a stream returns nothing."""
    if response is not None:
        call.response = response.data if isinstance(response, Encoded) else response.SerializeToString()


async def invoke(call: Call) -> None:
    """Call the servicer's method: the innermost step."""
    answer(call, await serve(call))


async def admitted(_: Call) -> None:
    """Do nothing more: the innermost step of a chain that only judges."""
