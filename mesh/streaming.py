"""Serves the RPCs that last, with as little as possible kept for each while nothing happens.

The chain of steps around a unary call is a coroutine, and more, for each step: 6 kB. That is nothing for a call of a
millisecond, and most of what an idle device costs beside gRPC. So here the steps come first and are over before the
servicer begins; its coroutine then runs below one frame.
For the same reason what follows is one long coroutine without a context manager.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mesh.call import Call, Handler, admitted, answer, chain, invoke, serve
from mesh.errors import Code
from mesh.interceptors import Auth, CallSettings, Deadline, Inside, Rates, Status, Trace, Validate, decode
from mesh.limits import Concurrency

if TYPE_CHECKING:
    from protovalidate import Validator

    from mesh.clock import Clock
    from mesh.telemetry import Telemetry
    from mesh.tokens import Authenticator


class Streams:
    """The handler of every streaming RPC.

    `admit` is the chain of what is judged before it counts as being inside, and `read` takes in the one request of
    those that have one.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        status: Status,
        deadline: Deadline,
        inside: Concurrency,
        admit: Handler,
        read: Handler,
    ) -> None:
        self._telemetry = telemetry
        self._status = status
        self._deadline = deadline
        self._inside = inside
        self._admit = admit
        self._read = read

    async def serve(self, call: Call) -> None:
        """Serve a stream to its end, and count it."""
        began, inside = asyncio.get_running_loop().time(), False
        self._deadline.begin(call)
        try:
            try:
                if call.stream.deadline is None:
                    await self._admit(call)
                    call.stream.forget_metadata()
                    self._inside.take()
                    inside = True
                    await self._read(call)
                    answer(call, await serve(call))
                else:
                    await self._deadline.until(call, self._within)
            except Exception as error:  # noqa: BLE001  its text is for nobody, and the caller is answered
                self._status.fail(call, error)
        except BaseException:
            # Only a cancellation comes this far: the client went, or the server stops.
            call.code = Code.CANCELLED
            raise
        finally:
            self._left(call, began, inside=inside)

    def _left(self, call: Call, began: float, *, inside: bool) -> None:
        if inside:
            self._inside.give()
        elapsed = asyncio.get_running_loop().time() - began
        self._telemetry.record(call.method.path, call.code, elapsed)

    async def _within(self, call: Call) -> None:
        """The same for the few streams whose client has set a deadline."""
        await self._admit(call)
        with self._inside.enter():
            await self._read(call)
            answer(call, await serve(call))


def handlers(
    settings: CallSettings,
    telemetry: Telemetry,
    authenticator: Authenticator | None,
    validator: Validator,
    clock: Clock,
) -> tuple[Handler, Streams]:
    """Return what answers the unary RPCs of a server and what serves its streams, by the same steps."""
    trace = Trace(telemetry)  # sees how each call ended, also a refused one
    status = Status(telemetry)  # the only place where an exception becomes an answer
    deadline = Deadline(settings)  # covers all below, so nothing waits for ever
    auth = Auth(authenticator)  # before a byte of the request is read
    rates = Rates(settings, clock)  # by caller, so after auth
    validate = Validate(validator)
    inside = Inside(settings)  # after the request is there: who holds theirs back holds no place
    unary = chain([trace, status, deadline, auth, rates, decode, inside, validate], invoke)
    admit, read = chain([auth, rates], admitted), chain([decode, validate], admitted)
    return unary, Streams(telemetry, status, deadline, Concurrency(settings.max_streams), admit, read)
