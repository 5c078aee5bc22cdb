"""Serves the RPCs that last, with as little as possible kept for each while nothing happens.

The chain of steps around a unary call is a coroutine, and more, for each step: 6 kB. That is nothing for a call of a
millisecond, and most of what an idle device costs beside gRPC. So here the steps come first and are over before the
servicer begins; its coroutine then runs below two frames.
For the same reason what follows is one long coroutine without a context manager.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mesh.call import Call, Handler, answer, serve
from mesh.errors import Code

if TYPE_CHECKING:
    from mesh.interceptors import Deadline, Status
    from mesh.limits import Concurrency
    from mesh.telemetry import Telemetry


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

    async def __call__(self, call: Call) -> None:
        """Serve a stream to its end, answer how it ended, and count it."""
        began, inside = asyncio.get_running_loop().time(), False
        self._deadline.begin(call)
        try:
            try:
                if call.stream.deadline is None:
                    await self._admit(call)
                    self._inside.take()
                    inside = True
                    await self._read(call)
                    answer(call, await serve(call))
                else:
                    await self._deadline.until(call, self._within)
            except Exception as error:  # noqa: BLE001  gRPC would send its text to the caller
                self._status.fail(call, error)
            await call.stream.settle()
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
