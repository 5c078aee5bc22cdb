"""The registry on etcd.

A node is a key `<prefix><service>/<node id>` under a lease of its own; its value is JSON with boot_id and address.
Nothing here waits for etcd without a bound, and an etcd that is away is tried again with growing pauses: a process that
starts before etcd announces itself when it comes.
"""

import asyncio
import contextvars
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final

import structlog

from mesh.clock import Clock
from mesh.infrastructure.etcd import Away, Changes, Etcd, Snapshot
from mesh.infrastructure.etcd_url import parse
from mesh.registry import Node

TTL_S: Final = 8
"""How long a node is known after its last sign of life. etcd takes up to a second more to end a lease: together less
than the ten seconds of the port."""

RENEW_S: Final = TTL_S / 3
FIRST_S: Final = 2.0
"""How long a start waits for its first announcement. Then it goes on without, and the announcement comes later."""

WITHDRAW_S: Final = 3.0
"""How long an end waits for etcd, several attempts included."""

PAUSE_S: Final = (0.1, 2.0)
"""First and largest pause between attempts, with full jitter: short, because a lease runs meanwhile."""

MAX_VALUE: Final = 4_096
"""Bytes of a value; a longer one is not ours."""


class EtcdRegistry:
    """`mesh.registry.Registry` on etcd. Opens nothing before it is used; `aclose` ends it."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raise ValueError for a URL that is not of the FORM, SettingError for a file that cannot be read."""
        endpoints, self._prefix, tls = parse(url)
        self._etcd = Etcd(endpoints, tls.credentials() if tls else None)
        self._clock = clock
        self._followers: dict[str, _Follower] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def away(self) -> bool:
        """Whether etcd did not answer one of those who follow a service there, when they asked last."""
        return any(follower.away for follower in tuple(self._followers.values()))

    async def aclose(self) -> None:
        """Stop to follow, and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._etcd.aclose()

    @asynccontextmanager
    async def register(self, service: str, node: Node) -> AsyncIterator[None]:
        """See the port."""
        announcement = _Announcement(self._etcd, self._clock, self._folder(service) + node.id, node)
        task = asyncio.create_task(announcement.run(), name=f"etcd-announce-{service}", context=contextvars.Context())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_S):
                    await announcement.made.wait()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await announcement.withdraw()

    def nodes(self, service: str) -> tuple[Node, ...]:
        """See the port."""
        follower = self._followers.get(service)
        return follower.nodes or () if follower else ()

    async def watch(self, service: str) -> AsyncIterator[tuple[Node, ...]]:
        """See the port. The first state comes when etcd has answered for the first time."""
        follower = self._follow(service)
        seen: tuple[Node, ...] | None = None
        while True:
            changed = follower.changed
            if follower.nodes != seen and follower.nodes is not None:
                seen = follower.nodes
                yield seen
            else:
                await changed.wait()

    def _follow(self, service: str) -> "_Follower":
        """One follower serves all who watch a service, and stays: a process watches a handful of services, for ever."""
        if service not in self._followers:
            follower = self._followers[service] = _Follower(self._etcd, self._clock, self._folder(service))
            task = asyncio.create_task(follower.run(), name=f"etcd-{service}", context=contextvars.Context())
            self._tasks.add(task)
        return self._followers[service]

    def _folder(self, service: str) -> str:
        return f"{self._prefix}{service}/"


class _Pause:
    """Growing pauses with full jitter, so that a whole mesh does not come back at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = PAUSE_S[0]

    @property
    def grown(self) -> bool:
        """Whether the last attempt failed."""
        return self._next != PAUSE_S[0]

    def reset(self) -> None:
        self._next = PAUSE_S[0]

    def tell(self, event: str, error: Exception, **what: str) -> None:
        """Log the first failure of a row."""
        if self._next == PAUSE_S[0]:
            told = error.told() if isinstance(error, Away) else {"code": type(error).__qualname__}
            structlog.get_logger().warning(event, **told, **what)

    async def wait(self) -> None:
        pause, self._next = self._next, min(2 * self._next, PAUSE_S[1])
        await self._clock.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret


class _Announcement:
    """One node that is held in etcd; `made` is set when it was there for the first time."""

    def __init__(self, etcd: Etcd, clock: Clock, key: str, node: Node) -> None:
        self.made = asyncio.Event()
        self._etcd = etcd
        self._clock = clock
        self._key = key
        self._value = json.dumps({"boot_id": node.boot_id, "address": node.address}).encode()
        self._lease: int | None = None
        self._pause = _Pause(clock)

    async def run(self) -> None:
        """Announce the node, keep its lease alive, and announce it again when that was lost; for ever."""
        while True:
            try:
                if await self._announce():
                    await self._keep()
                else:
                    await self._clock.sleep(RENEW_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may succeed
                self._pause.tell("etcd_not_announced", error, key=self._key)
                await self._pause.wait()

    async def withdraw(self) -> None:
        """Take the node away; when etcd is away its lease does so. A later life of the node has a lease of its own."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WITHDRAW_S):
                while self._lease is not None and not await self._revoked(self._lease):
                    await self._pause.wait()

    async def _revoked(self, lease: int) -> bool:
        try:
            await self._etcd.revoke(lease)
        except Away:
            return False
        return True

    async def _announce(self) -> bool:
        """False when a later life of this node is there: one that was frozen does not push that away as it wakes."""
        lease = self._lease = await self._etcd.grant(TTL_S)
        if not self.made.is_set():
            await self._etcd.put(self._key, self._value, lease)
        elif not await self._etcd.put_unless_other(self._key, self._value, lease):
            await self.withdraw()
            return False
        self.made.set()
        return True

    async def _keep(self) -> None:
        """Return when the lease has ended. Only etcd knows: as it starts again, it gives leases their whole time."""
        while self._lease is not None:
            self._pause.reset()
            await self._clock.sleep(RENEW_S)
            while (alive := await self._prolonged(self._lease)) is None:
                await self._pause.wait()
            if not alive:
                return

    async def _prolonged(self, lease: int) -> bool | None:
        """None when etcd does not answer."""
        try:
            return await self._etcd.prolong(lease)
        except Away:
            return None


class _Follower:
    """The nodes of one service as etcd has them; `nodes` is None until it has answered."""

    def __init__(self, etcd: Etcd, clock: Clock, folder: str) -> None:
        self.nodes: tuple[Node, ...] | None = None
        self.changed = asyncio.Event()
        self._etcd = etcd
        self._folder = folder
        self._pause = _Pause(clock)
        self._values: dict[str, bytes] = {}
        self._forgotten: dict[str, bytes] = {}
        self._forget_at: asyncio.TimerHandle | None = None
        self._place = (0, 0)
        self._warned = False

    @property
    def away(self) -> bool:
        """Whether etcd is being tried again."""
        return self._pause.grown

    async def run(self) -> None:
        """Read all, watch from there on, and begin again when the watch breaks; for ever."""
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - as above: the list must not grow old in silence
                self._pause.tell("etcd_watch_broken", error, folder=self._folder)
            await self._pause.wait()

    async def _follow(self) -> None:
        snapshot = await self._etcd.snapshot(self._folder)
        self._remember_forgotten(snapshot)
        self._place, self._values = (snapshot.cluster, snapshot.revision), snapshot.values
        self._show()
        self._pause.reset()
        async with aclosing(self._etcd.changes(self._folder, snapshot.revision)) as batches:
            async for batch in batches:
                self._place = (snapshot.cluster, batch.revision)
                self._apply(batch)
                self._show()

    def _apply(self, batch: Changes) -> None:
        for key, value in batch.values:
            self._forgotten.pop(key, None)
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value

    def _remember_forgotten(self, snapshot: Snapshot) -> None:
        """An etcd that begins anew, without its data, has not seen anybody die: its nodes get a lease to come back."""
        cluster, revision = self._place
        if self.nodes is None or (snapshot.cluster == cluster and snapshot.revision >= revision):
            return
        structlog.get_logger().warning("etcd_begins_anew", folder=self._folder)
        self._forgotten |= self._values
        if self._forget_at is not None:
            self._forget_at.cancel()
        self._forget_at = asyncio.get_running_loop().call_later(TTL_S, self._forget)

    def _forget(self) -> None:
        self._forgotten = {}
        self._show()

    def _show(self) -> None:
        """Let the watchers know, if what they see differs."""
        values = {**self._forgotten, **self._values}
        nodes = tuple(sorted(node for key, value in values.items() if (node := self._node(key, value)) is not None))
        if nodes != self.nodes:
            self.nodes = nodes
            self.changed.set()
            self.changed = asyncio.Event()

    def _node(self, key: str, value: bytes) -> Node | None:
        """None for what was written by somebody else, or by a version of this code that writes otherwise."""
        try:
            found = json.loads(value) if len(value) <= MAX_VALUE else None
        except (ValueError, RecursionError):
            found = None
        match found:
            case {"boot_id": str(boot_id), "address": str(address)}:
                return Node(key.removeprefix(self._folder), boot_id, address)
        self._warn(key)
        return None

    def _warn(self, key: str) -> None:
        if not self._warned:
            structlog.get_logger().warning("etcd_value_ignored", key=key)
        self._warned = True
