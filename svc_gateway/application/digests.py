"""Digests of heartbeats, joined: a comparison of its own for each would cost more than all else in a heartbeat."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from mesh.clock import grain
from mesh.errors import MeshError
from svc_gateway.application.session import Session
from svc_gateway.domain import Upstream

JOIN_S: Final = 2.0
"""How long a digest waits for others at least, in seconds. Nobody waits for the answer, and most digests have none;
each comparison begins with a look at the store, which costs as much as twenty digests."""

MOST: Final = 1_000
"""Digests that are joined, about 50 bytes each; so many do not wait for more."""

Encode = Callable[[Sequence[tuple[Session, int]]], bytes]
"""The digests of sessions as one link request."""


class Digests:
    """What is to be compared by the owners of users."""

    def __init__(self, upstream: Upstream, encode: Encode) -> None:
        self._upstream = upstream
        self._encode = encode
        self._waiting: list[tuple[Session, int]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, session: Session, digest: int) -> None:
        """Have a digest compared soon."""
        self._waiting.append((session, digest))
        if len(self._waiting) >= MOST:
            self._send()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(grain(loop.time() + JOIN_S), self._send)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asked: dict[str, list[tuple[Session, int]]] = defaultdict(list)
        with contextlib.suppress(MeshError):  # the next heartbeat comes soon
            for one in waiting:
                asked[self._upstream.owner(one[0].identity.user_id)].append(one)
        for owner, some in asked.items():
            with contextlib.suppress(MeshError):
                self._upstream.send(owner, self._encode(some))
