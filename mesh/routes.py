"""Routes: on which node the devices of a user are connected, and which nodes care about a topic.

A route is (user, device, node, boot id, epoch). A newer epoch wins: a node that was frozen and comes back cannot take
back a device that has moved on. Routes live by a lease; the node that holds them renews it.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.kv import KeyValue

LEASE_S: Final = 30.0
"""How long a route outlives its node. A wrong one costs a publish to a topic that nobody reads."""

RENEW_S: Final = 10.0
"""A third of the lease: two renewals may fail."""

ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Route:
    """Where a device is."""

    device: str
    node: str
    boot: str
    epoch: int


class Routes:
    """Routes held by this node, and look-ups of all."""

    def __init__(self, kv: KeyValue, clock: Clock, node: str, boot: str) -> None:
        self._kv = kv
        self._clock = clock
        self._node = node
        self._boot = boot
        self._held: dict[str, dict[str, Route]] = {}
        self._interests: set[str] = set()

    async def attach(self, user: str, device: str) -> tuple[Route, Route | None]:
        """Say that the device is here now; return the route and the one that it replaces.

        Its epoch is larger than that of any earlier route of the device: the last one plus one, or the time when the
        cache has forgotten. When the cache is away the time alone is used, and `run` writes the route down later.
        """
        try:
            route, older = await self._take(user, device)
        except errors.MeshError:
            route, older = self._route(device, 0), None
        self._held.setdefault(user, {})[device] = route
        return route, older

    async def detach(self, user: str, device: str, epoch: int) -> None:
        """Say that the device is gone, unless a newer route has taken its place."""
        held = self._held.get(user, {})
        route = held.get(device)
        if route is None or route.epoch != epoch:
            return
        del held[device]
        if not held:
            del self._held[user]
        await self._forget(user, route)

    async def lookup(self, users: Collection[str]) -> dict[str, tuple[Route, ...]]:
        """Where the devices of these users are, in one read. UNAVAILABLE when the cache is away."""
        found = await self._kv.read([_user_key(user) for user in users])
        return {key[len(USER) :]: tuple(map(_decode, fields.values())) for key, fields in found.items()}

    async def care(self, topic: str) -> None:
        """Say that this node wants to hear of a topic."""
        self._interests.add(topic)
        await self._put_interest(topic)

    async def drop(self, topic: str) -> None:
        """Say that this node does not care any more."""
        self._interests.discard(topic)
        await self._kv.remove(INTEREST + topic, self._node)

    async def caring(self, topics: Collection[str]) -> dict[str, tuple[tuple[str, str], ...]]:
        """Nodes, as (id, boot id), that want to hear of these topics."""
        found = await self._kv.read([INTEREST + topic for topic in topics])
        return {
            key[len(INTEREST) :]: tuple((node, boot.decode()) for node, boot in fields.items())
            for key, fields in found.items()
        }

    async def run(self) -> None:
        """Renew what this node holds, for ever, and write down again what the cache has lost."""
        while True:
            await self._clock.sleep(RENEW_S)
            try:
                await self.renew()
            except errors.MeshError:
                continue

    async def renew(self) -> None:
        """Renew all leases once. UNAVAILABLE when the cache is away."""
        for user in await self._kv.touch([_user_key(user) for user in self._held], LEASE_S):
            await self._restore(user[len(USER) :])
        for topic in await self._kv.touch([INTEREST + topic for topic in self._interests], LEASE_S):
            await self._put_interest(topic[len(INTEREST) :])

    async def _take(self, user: str, device: str) -> tuple[Route, Route | None]:
        key = _user_key(user)
        for _ in range(ATTEMPTS):
            stored = (await self._kv.read([key])).get(key, {}).get(device)
            older = _decode(stored) if stored else None
            route = self._route(device, older.epoch if older else 0)
            if await self._kv.swap(key, device, stored, _encode(route), LEASE_S):
                return route, older
        raise errors.unavailable("SERVICE_UNAVAILABLE", "other streams of this device were faster", retry_after=0.1)

    def _route(self, device: str, epoch: int) -> Route:
        return Route(device, self._node, self._boot, max(epoch + 1, self._clock.now_ms()))

    async def _forget(self, user: str, route: Route) -> None:
        try:
            await self._kv.remove(_user_key(user), route.device, _encode(route))
        except errors.MeshError:
            return

    async def _restore(self, user: str) -> None:
        for route in tuple(self._held.get(user, {}).values()):
            await self._kv.swap(_user_key(user), route.device, None, _encode(route), LEASE_S)

    async def _put_interest(self, topic: str) -> None:
        await self._kv.put(INTEREST + topic, self._node, self._boot.encode(), LEASE_S)


USER: Final = "route/"
INTEREST: Final = "interest/"


def _user_key(user: str) -> str:
    return USER + user


def _encode(route: Route) -> bytes:
    return json.dumps([route.device, route.node, route.boot, route.epoch]).encode()


def _decode(stored: bytes) -> Route:
    device, node, boot, epoch = json.loads(stored)
    return Route(device, node, boot, epoch)


def nodes_of(routes: Iterable[Route]) -> set[tuple[str, str]]:
    """The nodes, as (id, boot id), that hold these routes."""
    return {(route.node, route.boot) for route in routes}
