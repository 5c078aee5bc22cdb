"""Routes: on which node the devices of a user are connected, and which nodes care about a topic.

A route is (user, device, node, boot id, epoch). A newer epoch wins: a node that was frozen and comes back cannot take
back a device that has moved on. Routes live by a lease; the node that holds them renews it, a part of them at a time
(`mesh/renewal.py`). Whether that node is alive is for the registry to say, so the lease may be long.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from mesh import errors
from mesh.clock import Clock, until
from mesh.errors import Reason
from mesh.kv import KeyValue
from mesh.leftovers import Leftovers, Live, unknown
from mesh.renewal import LEASE_S, RENEW_S, Renewal
from mesh.route import NodeKey, Route, alive, decode, decode_all, encode, rank

HOLDERS: Final = "holder"
"""The name in the registry of all nodes that may hold routes, whatever service they are of."""

RETRY_S: Final = 1.0
"""How long after something could not be written all is renewed, instead of at the next turn."""

BATCH: Final = 200
"""Keys that are renewed in one round trip."""

ATTEMPTS: Final = 10
MAX_LEAVING: Final = 10_000
"""Removals that are remembered while the cache is away."""


def unheeded(*_: object) -> None:
    """Do nothing about it."""


class Routes:
    """Routes held by this node, and look-ups of all.

    `live` keeps dead nodes out of what is looked up. `on_replaced` is told (user, route) when a renewal finds that a
    device of this node is elsewhere by now: its stream here is to be closed. `on_missed` is told of a user with a route
    that was not there: what was said to them meanwhile came to no device of theirs here. `on_removed` is told of a user
    with a route that could not be removed when their device left, and is now: until then they seemed to be here.
    """

    def __init__(
        self,
        kv: KeyValue,
        clock: Clock,
        node: str,
        boot: str,
        *,
        live: Live = unknown,
        on_replaced: Callable[[str, Route], None] = unheeded,
        on_missed: Callable[[str], None] = unheeded,
        on_removed: Callable[[str], None] = unheeded,
    ) -> None:
        self._kv = kv
        self._clock = clock
        self._node = node
        self._boot = boot
        self._live = live
        self._on_replaced = on_replaced
        self._on_missed = on_missed
        self._on_removed = on_removed
        self._held: dict[str, tuple[Route, ...]] = {}
        self._interests: set[str] = set()
        self._last_epoch = 0
        self._leaving: dict[tuple[str, str], bytes] = {}
        self._leftovers = Leftovers(kv, clock, live, _holder)
        self._renewal = Renewal(kv, clock, f"{node}/{boot}")

    async def attach(self, user: str, device: str) -> tuple[Route, Route | None]:
        """Say that the device is here now; return the route and the one that it replaces.

        Its epoch is larger than that of any earlier route of the device: the last one plus one, or the time when the
        cache has forgotten. When the cache is away the time alone is used, and `run` writes the route down later.
        """
        try:
            route, older = await self._take(user, device)
        except errors.MeshError:
            self._renewal.doubt()
            route, older = self._route(device, 0), None
        held = self._of(user, device)
        if held is None or held.epoch < route.epoch:  # another stream may have come meanwhile
            self._held[user] = (*self._others(user, device), route)
        return route, older

    async def detach(self, user: str, device: str, epoch: int) -> None:
        """Say that the device is gone, unless a newer route has taken its place."""
        route = self._of(user, device)
        if route is None or route.epoch != epoch:
            return
        self._release(user, device)
        await self._remove(USER + user, device, encode(route))

    async def lookup(self, users: Collection[str]) -> dict[str, tuple[Route, ...]]:
        """Where the devices of these users are, in one read; users without any are left out.

        UNAVAILABLE when the cache is away: then only all live nodes together reach them.
        """
        found = await self._kv.read([USER + user for user in users])
        live = self._live()
        routes = {key[len(USER) :]: alive(decode_all(fields), live) for key, fields in found.items()}
        return {user: present for user, present in routes.items() if present}

    def users(self) -> Collection[str]:
        """Who has a device here."""
        return tuple(self._held)

    async def care(self, topic: str) -> None:
        """Say that this node wants to hear of a topic; when the cache is away, `run` says it later."""
        self._interests.add(topic)
        try:
            await self._kv.put(INTEREST + topic, self._node, self._boot.encode(), LEASE_S)
        except errors.MeshError:
            self._renewal.doubt()
            return
        if topic not in self._interests:
            await self._remove(INTEREST + topic, self._node, self._boot.encode())

    async def drop(self, topic: str) -> None:
        """Say that this node does not care any more; when the cache is away, `run` says it later."""
        self._interests.discard(topic)
        await self._remove(INTEREST + topic, self._node, self._boot.encode())
        if topic in self._interests:
            await self.care(topic)

    async def caring(self, topics: Collection[str]) -> dict[str, tuple[NodeKey, ...]]:
        """Nodes, as (id, boot id), that want to hear of these topics. UNAVAILABLE when the cache is away."""
        found = await self._kv.read([INTEREST + topic for topic in topics])
        live = self._live()
        nodes = {
            key[len(INTEREST) :]: tuple(
                (node, boot.decode()) for node, boot in fields.items() if not live or (node, boot.decode()) in live
            )
            for key, fields in found.items()
        }
        return {topic: caring for topic, caring in nodes.items() if caring}

    async def run(self) -> None:
        """Renew what this node holds, for ever, and write down again what the cache has lost.

        A cache that was away may come back with nothing: until then nobody finds the devices that are here, and
        `on_missed` hears of them when they are found again.
        """
        while True:
            await until(self._renewal.doubted, RENEW_S, self._clock)
            if self._renewal.doubted.is_set():
                await self._clock.sleep(RETRY_S)
            with contextlib.suppress(errors.MeshError):
                await self.renew()

    async def renew(self) -> None:
        """Renew the leases whose turn it is, and put right what is not as it should be. UNAVAILABLE when the cache is
        away.

        That a key is still there does not mean that our field is: others write to the same key, also after the cache
        has lost everything. So each renewal looks, which costs one more read for each user and topic.
        """
        self._leftovers.forgive()
        await self._remove_left()
        async with self._renewal.turn() as due:
            for users in _batches(filter(due, self._held)):
                await self._renew_users(users)
            for topics in _batches(filter(due, self._interests)):
                await self._renew_interests(topics)

    async def _renew_users(self, users: Collection[str]) -> None:
        odd = await self._renewed({USER + user: self._encoded(user) for user in users})
        await asyncio.gather(*(self._restore(key[len(USER) :], fields) for key, fields in odd.items()))

    async def _renew_interests(self, topics: Collection[str]) -> None:
        mine = {self._node: self._boot.encode()}
        odd = await self._renewed({INTEREST + topic: mine for topic in topics})
        missing = [key[len(INTEREST) :] for key, fields in odd.items() if not mine.items() <= fields.items()]
        await asyncio.gather(*(self.care(topic) for topic in missing if topic in self._interests))

    async def _remove_left(self) -> None:
        leaving, self._leaving = self._leaving, {}
        for (key, field), value in leaving.items():
            if await self._remove(key, field, value) and key.startswith(USER):
                self._on_removed(key[len(USER) :])

    async def _renewed(self, ours: Mapping[str, Mapping[str, bytes]]) -> Mapping[str, Mapping[str, bytes]]:
        """Renew the keys and return what is in those that do not hold just what this node wrote.

        Most do, and nothing of them is decoded.
        """
        await self._kv.touch(ours.keys(), LEASE_S)
        found = await self._kv.read(ours.keys())
        odd = {key: found.get(key, {}) for key, fields in ours.items() if found.get(key) != fields}
        await self._leftovers.sweep(odd)
        return odd

    def _encoded(self, user: str) -> Mapping[str, bytes]:
        return {route.device: encode(route) for route in self._held.get(user, ())}

    async def _take(self, user: str, device: str) -> tuple[Route, Route | None]:
        key = USER + user
        for _ in range(ATTEMPTS):
            stored = (await self._kv.read([key])).get(key, {}).get(device)
            older = decode(stored) if stored else None
            route = self._route(device, older.epoch if older else 0)
            try:
                taken = await self._kv.swap(key, device, stored, encode(route), LEASE_S)
            except BaseException:
                # It may have been written, and a caller who went away will not detach.
                self._leave(key, device, encode(route))
                raise
            if taken:
                return route, older
        raise errors.unavailable(
            Reason.SERVICE_UNAVAILABLE, "other streams of this device were faster", retry_after=0.1
        )

    def _route(self, device: str, epoch: int) -> Route:
        # Rising on this node, because two streams of a device that come in one millisecond must not be taken for one:
        # `swap` lets the same value be written twice.
        self._last_epoch = max(epoch + 1, self._clock.now_ms(), self._last_epoch + 1)
        return Route(device, self._node, self._boot, self._last_epoch)

    async def _remove(self, key: str, field: str, value: bytes) -> bool:
        """Remove a field now, or at the next renewal when the cache is away; return whether it is removed."""
        try:
            await self._kv.remove(key, field, value)
        except errors.MeshError:
            self._leave(key, field, value)
            return False
        return True

    def _leave(self, key: str, field: str, value: bytes) -> None:
        if len(self._leaving) < MAX_LEAVING:
            self._leaving[key, field] = value

    async def _restore(self, user: str, fields: Mapping[str, bytes]) -> None:
        for route in self._held.get(user, ()):
            stored = fields.get(route.device)
            other = decode(stored) if stored else None
            if other == route:
                continue
            if other is not None and rank(other) > rank(route):
                self._lose(user, route)
            elif await self._kv.swap(USER + user, route.device, stored, encode(route), LEASE_S):
                self._on_missed(user)
                await self._check(user, route)

    async def _check(self, user: str, route: Route) -> None:
        """A device that left while its route was being written down again must not leave the route behind."""
        if self._of(user, route.device) != route:
            await self._remove(USER + user, route.device, encode(route))

    def _lose(self, user: str, route: Route) -> None:
        if self._of(user, route.device) == route:
            self._release(user, route.device)
            self._on_replaced(user, route)

    def _of(self, user: str, device: str) -> Route | None:
        """The route of a device that this node holds."""
        return next((route for route in self._held.get(user, ()) if route.device == device), None)

    def _others(self, user: str, device: str) -> tuple[Route, ...]:
        return tuple(route for route in self._held.get(user, ()) if route.device != device)

    def _release(self, user: str, device: str) -> None:
        left = self._others(user, device)
        if left:
            self._held[user] = left
        else:
            del self._held[user]


USER: Final = "route/"
INTEREST: Final = "interest/"


def _holder(key: str, field: str, value: bytes) -> NodeKey | None:
    if key.startswith(INTEREST):
        return field, value.decode()
    route = decode(value)
    return (route.node, route.boot) if route else None


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    every = list(names)
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))
