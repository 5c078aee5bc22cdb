"""Unary calls: the token goes along, a refusal comes back as ParleyError, what may be repeated is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Final, Protocol, TypeVar, cast

import grpc

from parley_sdk.errors import Code, ParleyError
from parley_sdk.infrastructure import status

Request = TypeVar("Request")
Response = TypeVar("Response")
Stub = TypeVar("Stub")

_TIMEOUT_SECONDS: Final = 10.0
_TRIES: Final = 3
_RENEWABLE: Final = frozenset({"TOKEN_EXPIRED", "TOKEN_INVALID"})
_FIRST_DELAY_SECONDS: Final = 0.1


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def current(self) -> str:
        """Return a token that is good by all that is known. Raises ParleyError when nobody is logged in."""

    async def renew(self, refused: str) -> str:
        """Return another token than the one that was refused. Raises ParleyError when there is none."""


class Calls:
    """Calls unary methods over one channel, which is opened with the first call."""

    def __init__(self, open_channel: Callable[[], grpc.aio.Channel], random: Random) -> None:
        self.tokens: TokenSource | None = None
        self._open_channel = open_channel
        self._random = random
        self._channel: grpc.aio.Channel | None = None
        self._stubs: dict[object, object] = {}

    async def close(self) -> None:
        """Close the channel; calls that are under way fail."""
        self._stubs.clear()
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def stub(self, factory: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """Return the stub of a service."""
        if self._channel is None:
            self._channel = self._open_channel()
        if factory not in self._stubs:
            self._stubs[factory] = factory(self._channel)
        return cast(Stub, self._stubs[factory])

    async def public(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request, *, again: bool = True
    ) -> Response:
        """Call a method that needs no log-in. `again`: repeating it does no harm, so try up to 3 times."""
        return await self._try(method, request, None, again=again)

    async def unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        again: bool = True,
        seconds: float = _TIMEOUT_SECONDS,
    ) -> Response:
        """Call a method as the user who is logged in; with a new token when the present one is refused."""
        token = await self._token()
        try:
            return await self._try(method, request, token, again=again, seconds=seconds)
        except ParleyError as error:
            if error.reason not in _RENEWABLE:
                raise
        return await self._try(method, request, await self._token(refused=token), again=again, seconds=seconds)

    async def answers(
        self, method: grpc.aio.UnaryStreamMultiCallable[Request, Response], request: Request
    ) -> AsyncIterator[Response]:
        """Call a method that answers with many messages, as the user who is logged in. Nothing is asked again."""
        metadata = (("authorization", f"Bearer {await self._token()}"),)
        try:
            async for response in method(request, metadata=metadata):
                yield response
        except grpc.aio.AioRpcError as failure:
            raise status.decode(failure) from None

    async def _token(self, refused: str = "") -> str:
        if self.tokens is None:
            raise ParleyError(Code.UNAUTHENTICATED, "TOKEN_MISSING", "nobody is logged in")
        return await (self.tokens.renew(refused) if refused else self.tokens.current())

    async def _try(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        token: str | None,
        *,
        again: bool,
        seconds: float = _TIMEOUT_SECONDS,
    ) -> Response:
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        tries = 0
        while True:
            tries += 1
            try:
                return await method(request, timeout=seconds, metadata=metadata)
            except grpc.aio.AioRpcError as failure:
                error = status.decode(failure)
            if not again or error.code is not Code.UNAVAILABLE or tries == _TRIES:
                raise error
            await asyncio.sleep(self._delay(tries, error.retry_after))

    def _delay(self, tries: int, retry_after: float | None) -> float:
        return (retry_after or 0.0) + self._random.uniform(0, _FIRST_DELAY_SECONDS * 2.0**tries)
