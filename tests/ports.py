"""Ports of this machine for servers that are to be found before they listen, or again after they ended."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager


def keep_port() -> socket.socket:
    """Keep a port until this is closed: nobody is given it but who asks for it by its number.

    One that was only looked for may be somebody else's by the time a server is to have it, or to have it again.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server may listen beside it: it does not
    kept.bind(("127.0.0.1", 0))
    return kept


def number_of(kept: socket.socket) -> int:
    """The port."""
    return int(kept.getsockname()[1])


@contextmanager
def kept_port() -> Iterator[int]:
    """Keep a port until the end; yields it."""
    with closing(keep_port()) as kept:
        yield number_of(kept)
