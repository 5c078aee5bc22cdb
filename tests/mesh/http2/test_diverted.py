"""Messages that are taken where they arrive, while their reader waits."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from mesh.http2 import frames
from tests.mesh.echo import until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import prefixed
from tests.mesh.http2.served import OK, serving

if TYPE_CHECKING:
    from mesh.http2.exchange import Exchange


class Diverting:
    """Takes every message but those that begin with `r`, which are read; cannot bear `!`."""

    def __init__(self) -> None:
        self.taken = list[bytes]()
        self.read = list[bytes]()
        self.failed: Exception | None = None

    def take(self, message: bytes) -> bool:
        """Take one where it arrives."""
        if message == b"!":
            raise ValueError("not this one")
        if message.startswith(b"r"):
            return False
        self.taken.append(message)
        return True

    async def serve(self, exchange: Exchange) -> None:
        """Serve one call."""
        exchange.divert(self.take)
        try:
            while (message := await exchange.read()) is not None:
                self.read.append(message)
        except ValueError as error:
            self.failed = error
        exchange.finish(OK)


async def test_messages_are_taken_in_their_order() -> None:
    """Some are taken, some are left to the reader; compressed ones always, as they cannot be taken as they came."""
    handler = Diverting()
    async with serving(handler.serve) as address, raw.greeted(address) as peer:
        peer.open(1, "Any", ("grpc-encoding", "gzip"))
        await peer.echoed()  # the handler waits
        for number, said in enumerate((b"a", b"b", b"r1", b"c"), 1):
            peer.say(frames.DATA, 0, 1, prefixed(said))
            await until(lambda number=number: len(handler.taken) + len(handler.read) == number)  # type: ignore[misc]
        peer.say(frames.DATA, frames.END_STREAM, 1, prefixed(gzip.compress(b"packed"), 1))
        assert (await peer.answer(1)).code == 0
    assert (handler.taken, handler.read) == ([b"a", b"b", b"c"], [b"r1", b"packed"])


async def test_what_goes_wrong_there_is_told_to_the_reader() -> None:
    """The connection and its other calls hear nothing of it."""
    handler = Diverting()
    async with serving(handler.serve) as address, raw.greeted(address) as peer:
        peer.open(1, "Any")
        peer.open(3, "Any")
        await peer.echoed()  # both handlers wait
        peer.say(frames.DATA, 0, 1, prefixed(b"a"))
        await until(lambda: handler.taken == [b"a"])
        peer.say(frames.DATA, 0, 1, prefixed(b"!"))
        assert (await peer.answer(1)).code == 0
        peer.say(frames.DATA, frames.END_STREAM, 3, prefixed(b"r3"))
        assert (await peer.answer(3)).code == 0
    with pytest.raises(ValueError, match="not this one"):
        raise handler.failed or AssertionError
    assert handler.read[-1] == b"r3"
