"""A connection of the load: made when it is first used, and again when it was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from bench.account import Account
from mesh import status
from mesh.errors import Code
from mesh.http2.asking import Failed
from mesh.http2.call import Call
from mesh.http2.client import Client, Dialler
from mesh.http2.incoming import Closed

CALL_S: Final = 30.0
_NAMES: Final = {code.value: code.name for code in Code}

M = TypeVar("M", bound=Message)


class Line:
    """A connection to one server, on the transport of the mesh: gRPC's own client costs more than the server does."""

    def __init__(self, dialler: Dialler, address: str) -> None:
        self._dialler = dialler
        self._address = address
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def open(self, path: str) -> Call:
        """Begin an RPC. Raises ConnectionError."""
        try:
            return await (await self._connected()).open(path)
        except Failed as failed:
            raise ended(failed) from failed

    async def unary(self, path: str, request: Message, answer: type[M], account: Account) -> M:
        """Make one call of this user. Raises ConnectionError."""
        client = await self._connected()
        try:
            data = await client.unary(path, request.SerializeToString(), account.metadata, CALL_S)
        except Failed as failed:
            raise ended(failed) from failed
        return answer.FromString(data)

    def close(self) -> None:
        """Cut the connection, and all that is open on it."""
        if self._client is not None:
            self._client.hang_up()

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or self._client.closed:
                try:
                    self._client = await self._dialler.connect(self._address)
                except Failed as failed:
                    raise ended(failed) from failed
                except OSError as error:
                    raise ConnectionError(f"no connection: {error}") from error
            return self._client


@asynccontextmanager
async def lines(address: str, count: int) -> AsyncIterator[list[Line]]:
    """Make connections, and close them at the end."""
    dialler = Dialler()
    try:
        yield [Line(dialler, address) for _ in range(count)]
    finally:
        await dialler.close()


async def read(call: Call) -> bytes:
    """Return the next message. Raises ConnectionError when there is none."""
    try:
        data = await call.read()
    except Failed as failed:
        raise ended(failed) from failed
    except Closed as closed:
        raise ended(None) from closed
    if data is None:
        raise ended(None)
    return data


def ended(failed: Failed | None) -> ConnectionError:
    """Return how a stream ended, in words; with OK when nothing failed."""
    if failed is None:
        return ConnectionError("the server ended a stream: OK")
    reason = status.from_status(Status.FromString(failed.details)).reason
    name = _NAMES.get(failed.code, str(failed.code))
    return ConnectionError(f"the server ended a stream: {name} {reason}: {failed.message}")
