"""What this node's own topic says: frames for devices, streams to close, who came and went."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog
from google.protobuf.message import DecodeError

from mesh import deliveries
from mesh.broker import Broker, Lost
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.session_end import SessionEnd
from parley.event.v1.event_pb2 import NodeEvent, PresenceChange
from svc_gateway.application.alive import Alive
from svc_gateway.application.comings import Comings
from svc_gateway.application.departed import Departed
from svc_gateway.application.hub import Hub
from svc_gateway.application.presence import Presences
from svc_gateway.application.seeing import Presence
from svc_gateway.domain import Seen

PROBE_S: Final = 5.0
"""How often the node sends itself a probe."""

MISSED: Final = 3
"""Probes that may go unseen before the reader counts as dead and is made anew."""


class Consumer:
    """Reads one topic. It never ends because of what it reads: an event that cannot be read is counted and skipped."""

    def __init__(
        self,
        broker: Broker,
        topic: str,
        hub: Hub,
        alive: Alive,
        presences: Presences,
        comings: Comings,
        departed: Departed,
        stale: Callable[[], bytes],
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._hub = hub
        self._alive = alive
        self._presences = presences
        self._comings = comings
        self._departed = departed
        self._stale = stale
        self._clock = clock
        self._probe = secrets.token_hex(8)
        self._unseen = 0
        self.losses = 0
        """Times that something was lost on the way here, or may have been."""

    async def run(self) -> None:
        """Read for ever; make the reader anew when its probes do not come back."""
        while True:
            async with self._broker.subscribe(self._topic) as events:
                await self._read_until_dead(events)
            self._doubt()

    async def _read_until_dead(self, events: AsyncIterator[bytes | Lost]) -> None:
        reading = asyncio.create_task(self._read(events))
        try:
            self._unseen = 0
            while self._unseen < MISSED and not reading.done():
                self._unseen += 1
                with contextlib.suppress(MeshError):
                    await self._broker.publish(self._topic, NodeEvent(probe=self._probe).SerializeToString())
                await self._clock.sleep(PROBE_S)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, events: AsyncIterator[bytes | Lost]) -> None:
        async for event in events:
            if isinstance(event, Lost):
                structlog.get_logger().warning("events_lost", topic=self._topic, count=event.count)
                self._doubt()
            else:
                self.take(event)

    def take(self, payload: bytes) -> None:
        """Do what one batch of events says."""
        try:
            event = NodeEvent.FromString(payload)
            delivered = deliveries.read(event.for_devices)
        except (DecodeError, ValueError):
            structlog.get_logger().warning("event_unreadable", topic=self._topic, bytes=len(payload))
            return
        for _, user_ids, parts in delivered:
            self._hub.deliver(user_ids, parts)
        for eviction in event.evictions:
            self._hub.evict(eviction.user_id, eviction.device_id, eviction.epoch)
        for revocation in event.revocations:
            self._alive.forget(revocation.session_id)
            self._hub.revoke(revocation.user_id, revocation.session_id, SessionEnd(revocation.end))
        for change in event.presences:
            self._presences.show(_presence(change))
        for between in event.contacts:
            self._presences.doubt(between.user_id, between.other_id)
            if not between.other_id:
                self._comings.changed(between.user_id)
        if event.probe == self._probe:
            self._unseen = 0

    def missed(self, user_id: str) -> None:
        """This user was not found here for a while: the same for their devices alone."""
        for session in self._hub.of_user(user_id):
            self._alive.forget(session.identity.session_id)
            session.push(self._stale())

    def _doubt(self) -> None:
        """Something was lost on the way: devices compare with the log, sessions are asked for again, and all hear again
        who left.
        """
        self.losses += 1
        self._alive.forget_all()
        self._presences.doubt_all()
        self._departed.doubt()
        for session in self._hub:
            session.push(self._stale())


def _presence(change: PresenceChange) -> Presence:
    online = Seen.AWAY if change.away else Seen.ONLINE
    return Presence(change.user_id, online if change.online else Seen.OFFLINE, change.seen_ms)
