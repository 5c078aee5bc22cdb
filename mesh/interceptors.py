"""What happens to every call before and after its method: one list, outermost first.

Each step has the same shape, `async def step(call, proceed)`, and either passes the call on or raises MeshError.
"""

from __future__ import annotations

import asyncio
import secrets
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from mesh import access, errors
from mesh.call import Call, Handler
from mesh.caller import Caller, call_deadline
from mesh.errors import Code, MeshError, Reason
from mesh.limits import Concurrency, Rate, Shares, TokenBuckets, network
from mesh.stream import StreamClosed, parse
from mesh.validation import check

if TYPE_CHECKING:
    from protovalidate import Validator

    from mesh.clock import Clock
    from mesh.telemetry import Telemetry
    from mesh.tokens import Authenticator


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What one process lets in. Rates are for each caller: an address, or a user when logged in.

    Of `max_calls` one user has `max_calls_of_one`: slow ones, as many as the rates allow, would be all that there are.
    `opened` is for streams: many devices share the address of one network, and all return at once after a cut.
    """

    default_deadline_seconds: float = field(default=10.0, metadata={"least": 0.001})
    max_deadline_seconds: float = field(default=60.0, metadata={"least": 0.001})
    first_message_seconds: float = field(default=5.0, metadata={"least": 0.001})
    max_calls: int = field(default=1_000, metadata={"least": 1})
    max_calls_of_one: int = field(default=250, metadata={"least": 1})
    max_streams: int = field(default=20_000, metadata={"least": 1})
    public: Rate = Rate(burst=60, per_second=20.0)
    opened: Rate = Rate(burst=5_000, per_second=500.0)
    reads: Rate = Rate(burst=200, per_second=100.0)
    writes: Rate = Rate(burst=100, per_second=50.0)


class Trace:
    """A span for each unary call, and its duration and count.

    A stream gets no span: it would last for hours and hold everything that happens meanwhile in one trace.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Measure."""
        started = asyncio.get_running_loop().time()
        try:
            with self._telemetry.span(call):
                await proceed(call)
        except BaseException:
            # Only a cancellation comes this far: the client went, or its deadline passed.
            call.code = Code.CANCELLED
            raise
        finally:
            elapsed = asyncio.get_running_loop().time() - started
            self._telemetry.record(call.method.path, call.code, elapsed)


class Status:
    """Exceptions become answers here, and an unforeseen one becomes INTERNAL without a word of it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._log = telemetry.log

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Answer."""
        try:
            await proceed(call)
        except Exception as error:  # noqa: BLE001  its text is for nobody, and the caller is answered
            self.fail(call, error)

    def fail(self, call: Call, error: Exception) -> None:
        """Make an exception the answer."""
        if isinstance(error, StreamClosed):
            call.code = Code.CANCELLED
        else:
            call.fail(error if isinstance(error, MeshError) else self._unforeseen(call, error))

    def _unforeseen(self, call: Call, error: Exception) -> MeshError:
        # The text of an exception may hold a message body or a DSN: it is neither sent nor logged.
        correlation = secrets.token_hex(8)
        self._log.error(
            "call failed",
            correlation_id=correlation,
            method=call.method.path,
            exception=type(error).__qualname__,
            at=code_locations(error),
        )
        return errors.internal(Reason.INTERNAL, "internal error", correlation_id=correlation)


class Deadline:
    """No unary call lasts for ever; a stream lasts as long as its client says, or without end."""

    def __init__(self, settings: CallSettings) -> None:
        self._default = settings.default_deadline_seconds
        self._most = settings.max_deadline_seconds

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Limit the time."""
        self.begin(call)
        await self.until(call, proceed)

    def begin(self, call: Call) -> None:
        """Find out how long the call may take."""
        seconds = call.stream.timeout
        if not call.method.streaming:
            seconds = min(self._default if seconds is None else seconds, self._most)
        loop = asyncio.get_running_loop()
        call.stream.deadline = None if seconds is None else loop.time() + seconds
        if seconds is not None:
            call_deadline.set(call.stream.deadline)

    async def until(self, call: Call, proceed: Handler) -> None:
        """Proceed, but not for longer than that."""
        limit = asyncio.timeout_at(call.stream.deadline)
        try:
            async with limit:
                await proceed(call)
        except TimeoutError:
            if not limit.expired():
                raise
            message = "the call did not end in time"
            raise errors.deadline(Reason.DEADLINE_EXCEEDED, message) from None


class Auth:
    """Who calls, and whether the contract lets them. A method that does not say is closed to everyone."""

    def __init__(self, authenticator: Authenticator | None) -> None:
        self._authenticator = authenticator

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Identify the caller."""
        declared = call.method.callers
        call.caller = Caller(address=call.address)
        if self._authenticator and declared not in (access.UNDECLARED, access.PUBLIC):
            headers = call.stream.headers("authorization")
            call.caller = await self._authenticator.authenticate(headers, call.address)
        access.check(declared, call.caller, call.method.scopes)
        await proceed(call)


class Rates:
    """How many calls per second for each caller and kind of method.

    Services are not rated: one stands for thousands of users, and its callers were rated at the edge.
    """

    def __init__(self, settings: CallSettings, clock: Clock) -> None:
        self._public = TokenBuckets(settings.public, clock)
        self._opened = TokenBuckets(settings.opened, clock)
        self._reads = TokenBuckets(settings.reads, clock)
        self._writes = TokenBuckets(settings.writes, clock)

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Let in or refuse."""
        if call.caller.kind != "service":
            self._buckets(call).take(network(call.caller.key))
        await proceed(call)

    def _buckets(self, call: Call) -> TokenBuckets:
        if call.method.streaming:
            return self._opened
        if call.method.callers == access.PUBLIC:
            return self._public
        return self._reads if call.method.reads_only else self._writes


class Inside:
    """How many unary calls at once in this process, and how many of them for one user.

    Callers without a token need no such part: the rate of their address is less than that.
    """

    def __init__(self, settings: CallSettings) -> None:
        self._calls = Concurrency(settings.max_calls)
        self._shares = Shares(settings.max_calls_of_one, of="calls")

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Let in or refuse."""
        with self._calls.enter():
            user_id = call.caller.user_id if call.caller.kind != "service" else ""
            with self._shares.enter(user_id) if user_id else nullcontext():
                await proceed(call)


async def decode(call: Call, proceed: Handler) -> None:
    """Read the one request of a method that has one, and see that it is the only one.

    Servers that gRPC generates never answer a unary call without a message, ignore a second one, and call a malformed
    one UNKNOWN; here these are INVALID_ARGUMENT, UNIMPLEMENTED and INVALID_ARGUMENT.
    """
    if not call.method.client_streaming:
        data = await call.stream.read_bytes()
        if data is None:
            raise errors.invalid(Reason.MALFORMED_REQUEST, "the request has no message")
        if await call.stream.read_bytes() is not None:
            message = "the request has more than one message"
            raise errors.unimplemented(Reason.MALFORMED_REQUEST, message)
        call.request = parse(call.method.request, data)
    await proceed(call)


class Validate:
    """The limits that the contract puts on its fields."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    async def __call__(self, call: Call, proceed: Handler) -> None:
        """Refuse a request outside its limits."""
        if call.request is not None:
            check(self._validator, call.request)
        await proceed(call)


def code_locations(error: BaseException) -> list[str]:
    """Return where the exception went through our code, outermost first: file, line and function only."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames[-12:]]
