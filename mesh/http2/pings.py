"""What the pings of a connection say."""

from typing import Final

from mesh.http2 import frames

_ALIVE: Final = b"are you?"

PING: Final = frames.frame(frames.PING, 0, 0, _ALIVE)
"""Asks whether the peer lives."""

PONG: Final = frames.frame(frames.PING, frames.ACK, 0, _ALIVE)
"""Says that it does."""

LAST: Final = b"last one"
"""The payload of the ping that goes with a GOAWAY: who has answered it has heard that the connection goes, and what it
opened before that is known."""

LAST_PING: Final = frames.frame(frames.PING, 0, 0, LAST)
