"""Devices where nothing happens: what they said they have is compared with the log for them.

A digest says the same until an entry comes or goes. So a device that has nothing to add need not say it again: the
gateway remembers the last one, and has it compared as often as a device would that is not quiet. That costs a fiftieth
of what a frame of the device does, and a last entry that was lost is noticed no later.
"""

from collections.abc import Iterable
from typing import Final

from mesh.clock import Clock
from svc_gateway.application.digests import Digests
from svc_gateway.application.hub import Hub
from svc_gateway.application.session import Session

TURN_S: Final = 5.0
"""Seconds between two parts of a round."""


def beat(session: Session, digest: int) -> None:
    """The device says now what it has; 0: it does not. What is on its way in either direction changes that."""
    on_its_way = session.unanswered or session.queued or session.lagging
    session.said = None if on_its_way or not digest else (digest, session.last_seen, session.pushed)


def quiet_digest(session: Session) -> int:
    """What the device has still, because nothing has happened since it said so; 0 when that is not known."""
    if session.said is None or session.queued or session.lagging:
        return 0
    digest, seen, pushed = session.said
    return digest if (seen, pushed) == (session.last_seen, session.pushed) else 0


class QuietDevices:
    """Goes through the devices of this node, a part of them at a time, once in each `round_s` seconds."""

    def __init__(self, hub: Hub, digests: Digests, clock: Clock, round_s: float) -> None:
        self._hub = hub
        self._digests = digests
        self._clock = clock
        self._round_s = round_s

    async def run(self) -> None:
        """Go round for ever."""
        while True:
            ends = self._clock.monotonic() + self._round_s
            sessions = list(self._hub)
            part = self._part(len(sessions))
            for start in range(0, len(sessions), part):
                self.compare(sessions[start : start + part])
                await self._clock.sleep(TURN_S)
            await self._clock.sleep(max(0.0, ends - self._clock.monotonic()))

    def compare(self, sessions: Iterable[Session]) -> None:
        """Have the digests of those compared that are quiet."""
        for session in sessions:
            if digest := quiet_digest(session):
                self._digests.add(session, digest)

    def _part(self, count: int) -> int:
        """How many devices a turn has, so that the round has time for all."""
        return max(1, -(-count // max(1, int(self._round_s / TURN_S))))
