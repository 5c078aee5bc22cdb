"""Digests of heartbeats, joined: a comparison of its own for each would cost more than all else in a heartbeat."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from mesh.errors import MeshError
from svc_gateway.application.session import Session
from svc_gateway.domain import Upstream

JOIN_S: Final = 0.5
"""How long a digest waits for others, in seconds. Nobody waits for the answer, and most digests have none."""

MOST: Final = 1_000
"""Digests that are joined, about 50 bytes each; so many do not wait for more."""

Encode = Callable[[Session, int], bytes]
"""The digest of a session as a link request: such requests are joined by concatenation."""


class Digests:
    """What is to be compared by the owners of users."""

    def __init__(self, upstream: Upstream, encode: Encode) -> None:
        self._upstream = upstream
        self._encode = encode
        self._waiting: list[tuple[str, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, session: Session, digest: int) -> None:
        """Have a digest compared soon."""
        self._waiting.append((session.identity.user_id, self._encode(session, digest)))
        if len(self._waiting) >= MOST:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(JOIN_S, self._send)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        requests: dict[str, list[bytes]] = defaultdict(list)
        with contextlib.suppress(MeshError):  # the next heartbeat comes soon
            for user_id, request in waiting:
                requests[self._upstream.owner(user_id)].append(request)
        for owner, some in requests.items():
            with contextlib.suppress(MeshError):
                self._upstream.send(owner, b"".join(some))
