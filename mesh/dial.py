"""Connections to one node: for a link, and for a single question."""

import asyncio
from typing import Final

from mesh import errors, status
from mesh.errors import Reason
from mesh.http2.asking import Failed
from mesh.http2.call import Call
from mesh.http2.client import Client, Dialler
from mesh.http2.headers import Metadata

DIAL_S: Final = 5.0
"""How long another end may take from the first packet until it has let somebody in."""

KEEPALIVE_S: Final = 15.0
"""A frozen peer whose kernel still answers is noticed within 23 s."""


async def dial(address: str, path: str, metadata: Metadata) -> "CallWire":
    """Open a bidirectional stream of bytes and wait until the other end has greeted (`mesh.link.HELLO`).

    Raises what the other end refused with, UNAVAILABLE when it is not there, DEADLINE_EXCEEDED after DIAL_S.
    """
    dialler = Dialler(keepalive_s=KEEPALIVE_S)
    try:
        async with asyncio.timeout(DIAL_S):
            client = await dialler.connect(address)
            wire = CallWire(client, await client.open(path, metadata))
            greeting = await wire.read_bytes()
    except TimeoutError:
        await dialler.close()
        raise errors.deadline(Reason.DEADLINE_EXCEEDED, "the other end of a link did not greet") from None
    except (OSError, Failed):
        raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the other end of a link does not answer") from None
    if greeting is None:
        raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the other end closed the link at once")
    return wire


async def ask(address: str, path: str, message: bytes, metadata: Metadata, seconds: float) -> bytes:
    """Return what one node answers, over a connection that is closed then. Raises MeshError."""
    dialler = Dialler()
    try:
        async with asyncio.timeout(seconds):
            return await (await dialler.connect(address)).unary(path, message, metadata, seconds)
    except TimeoutError:
        raise errors.deadline(Reason.DEADLINE_EXCEEDED, "the node did not answer in time") from None
    except OSError:
        raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the node is not there") from None
    except Failed as failed:
        raise status.told(failed.code, failed.details) from failed
    finally:
        await dialler.close()


class CallWire:
    """`mesh.link.Wire` over a call of our own; the end of the stream, however it comes, closes the connection."""

    def __init__(self, client: Client, call: Call) -> None:
        self._client = client
        self._call = call

    async def read_bytes(self) -> bytes | None:
        """Return the next message, None at a clean end; raises MeshError at another."""
        message = None
        try:
            message = await self._call.read()
        except Failed as failed:
            raise status.told(failed.code, failed.details) from failed
        finally:
            if message is None:
                self.close()
        return message

    async def write_bytes(self, message: bytes) -> None:
        """Write one message; raises StreamClosed when the stream is over."""
        if not self._call.send(message):
            await self._call.drained()

    def close(self) -> None:
        """End the stream and its connection."""
        self._client.hang_up()
