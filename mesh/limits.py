"""How much is let in: token buckets by caller, and counts of what is inside, of all together and by owner."""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mesh import errors
from mesh.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from mesh.clock import Clock

# A forgotten caller starts again with a full bucket, so this must be more than can be busy at once in one process.
MAX_BUCKETS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many per second in the long run; 0 per second means no limit."""

    burst: int
    per_second: float


class TokenBuckets:
    """A bucket for each key, filled at one rate; the least recently used ones are forgotten.

    `of` is what is counted, as whoever sends too much of it is told.
    """

    def __init__(self, rate: Rate, clock: Clock, *, max_buckets: int = MAX_BUCKETS, of: str = "calls") -> None:
        self._rate = rate
        self._clock = clock
        self._max_buckets = max_buckets
        self._of = of
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._buckets)

    def take(self, key: Hashable) -> None:
        """Take one token; raises RESOURCE_EXHAUSTED with the time until there is one again."""
        if self._rate.per_second <= 0:
            return
        now = self._clock.monotonic()
        tokens = self._filled(key, now)
        self._remember(key, tokens - 1 if tokens >= 1 else tokens, now)
        if tokens < 1:
            wait = (1 - tokens) / self._rate.per_second
            raise errors.exhausted(Reason.RATE_LIMITED, f"too many {self._of}", retry_after=wait)

    def forget(self, key: Hashable) -> None:
        """Forget a key that does not come again."""
        self._buckets.pop(key, None)

    def _filled(self, key: Hashable, now: float) -> float:
        tokens, at = self._buckets.get(key, (float(self._rate.burst), now))
        return min(float(self._rate.burst), tokens + (now - at) * self._rate.per_second)

    def _remember(self, key: Hashable, tokens: float, now: float) -> None:
        self._buckets[key] = (tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)


class Concurrency:
    """A bound on how many are inside at once.

    gRPC's own `maximum_concurrent_rpcs` counts calls before they reach a handler and can lose count for good
    when a unary call never sends its message; this one counts in handlers, which always end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Be inside for a while; raises RESOURCE_EXHAUSTED when it is full."""
        self.take()
        try:
            yield
        finally:
            self.give()

    def take(self) -> None:
        """Be inside from now on; raises RESOURCE_EXHAUSTED when it is full."""
        if self.inside >= self._limit:
            raise errors.exhausted(Reason.OVERLOADED, "this server is full", retry_after=1.0)
        self.inside += 1

    def give(self) -> None:
        """Be inside no more."""
        self.inside -= 1


class Shares:
    """A bound on how much of each owner is inside at once; who has nothing inside is not remembered.

    `of` is what is counted, as an owner who has too much of it is told, with this reason.
    """

    def __init__(self, limit: int, *, of: str, reason: str = Reason.OVERLOADED) -> None:
        self._limit = limit
        self._of = of
        self._reason = reason
        self._inside: Counter[str] = Counter()

    def __contains__(self, owner: str) -> bool:
        """Whether this owner has anything inside."""
        return owner in self._inside

    @contextmanager
    def enter(self, owner: str) -> Iterator[None]:
        """Be inside for a while; raises RESOURCE_EXHAUSTED when this owner has enough inside."""
        if self._inside[owner] >= self._limit:
            message = f"{self._limit} of your {self._of} are under way; wait for one of them"
            raise errors.exhausted(self._reason, message, retry_after=1.0)
        self._inside[owner] += 1
        try:
            yield
        finally:
            self._leave(owner)

    def _leave(self, owner: str) -> None:
        self._inside[owner] -= 1
        if not self._inside[owner]:
            del self._inside[owner]


def network(address: str) -> str:
    """Return whom an address counts as: an IPv6 client owns a /64, so that is one caller."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    except ValueError:
        return address
