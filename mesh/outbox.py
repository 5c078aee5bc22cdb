"""Transactional outbox: a change and what it owes to another service are committed together, then paid.

A service that writes to its own store and must also tell another one cannot do both at once. So it writes down what it
owes in the same transaction, answers, and pays: at once when the other service is there, later when it is not.
Each debt has an id that is never used again, so that paying twice does nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mesh.clock import Clock
from mesh.errors import MeshError

MAX_AT_ONCE: Final = 200
"""Debts paid in one call."""

RETRY_S: Final = 1.0
"""Seconds between attempts while the other service is away."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One debt. `id` rises in the order of the changes and is unique for ever (1 to 2^63-1)."""

    id: int
    payload: bytes


class OutboxStore(Protocol):
    """Where debts are kept: the store of the service, in the transaction of the change."""

    async def owed(self, limit: int) -> list[Owed]:
        """The oldest debts, in order, at most `limit`."""

    async def paid(self, ids: Sequence[int]) -> None:
        """Forget these debts."""


class Outbox:
    """Pays debts in their order, one payer at a time."""

    def __init__(self, store: OutboxStore, pay: Callable[[Sequence[Owed]], Awaitable[None]], clock: Clock) -> None:
        self._store = store
        self._pay = pay
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._wake = asyncio.Event()

    async def settle(self) -> None:
        """Pay what is owed now, and leave the rest to `run` when the other service does not answer."""
        try:
            await self._pay_all()
        except MeshError:
            self._wake.set()

    async def run(self) -> None:
        """Pay what is left over, for ever; at the start, what an earlier process left."""
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            with contextlib.suppress(MeshError):
                await self._pay_all()
                continue
            self._wake.set()
            await self._clock.sleep(RETRY_S)

    async def _pay_all(self) -> None:
        async with self._one_at_a_time:
            while debts := await self._store.owed(MAX_AT_ONCE):
                await self._pay(debts)
                await self._store.paid([debt.id for debt in debts])
