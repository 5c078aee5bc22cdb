"""`svc_user.domain.ports.Passwords` with argon2id, on threads of its own."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import argon2

from mesh import errors
from mesh.settings import SettingError
from svc_user.domain.reasons import Reason

T = TypeVar("T")

RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class HashSettings:
    """The first argon2id parameters that OWASP names: 21 ms of one core for each hash.

    Two threads leave the event loop its share of a small machine; `max_waiting` is about a second of their work.
    """

    memory_kib: int = field(default=19 * 1024, metadata={"least": 8})
    iterations: int = field(default=2, metadata={"least": 1})
    lanes: int = field(default=1, metadata={"least": 1})
    threads: int = field(default=2, metadata={"least": 1})
    max_waiting: int = 64


class Argon2Passwords:
    """Bounded: beyond `max_waiting` hashes in a queue a caller is sent away, so log-ins cannot take the machine.

    Strangers share the threads. One more is for those who are known to their accounts, so that a flood of log-ins from
    wherever does not keep them out.
    """

    def __init__(self, settings: HashSettings) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.iterations, memory_cost=settings.memory_kib, parallelism=settings.lanes
        )
        self._strangers = _Queue(settings.threads, settings.max_waiting)
        self._known = _Queue(1, settings.max_waiting)
        # What is checked when there is no account; made with the same parameters, so that it takes the same time.
        try:
            self._dummy = self._hasher.hash(secrets.token_hex(16))
        except argon2.exceptions.HashingError as error:
            raise SettingError(f"USER_HASHING: {error}") from error

    async def close(self) -> None:
        """Finish what is being hashed."""
        await asyncio.to_thread(self._strangers.threads.shutdown)
        await asyncio.to_thread(self._known.threads.shutdown)

    async def hash(self, password: str, *, known: bool = False) -> str:
        """See the port."""
        return await self._queue(known=known).run(partial(self._hasher.hash, password))

    async def verify(self, password_hash: str, password: str, *, known: bool = False) -> bool:
        """See the port."""
        work = partial(self._matches, password_hash or self._dummy, password)
        matches = await self._queue(known=known).run(work)
        return matches and bool(password_hash)

    def outdated(self, password_hash: str) -> bool:
        """See the port."""
        return self._hasher.check_needs_rehash(password_hash)

    def _queue(self, *, known: bool) -> "_Queue":
        return self._known if known else self._strangers

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


class _Queue:
    """Threads, and what waits for one."""

    def __init__(self, threads: int, max_waiting: int) -> None:
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._max_inside = threads + max_waiting
        self._inside = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What the work comes to. OVERLOADED."""
        if self._inside >= self._max_inside:
            raise errors.exhausted(Reason.OVERLOADED, "too many log-ins at once", retry_after=RETRY_S)
        self._inside += 1
        running = self.threads.submit(work)
        # A caller who gives up takes their work out of the queue with them, unless a thread is at it.
        waiting = asyncio.wrap_future(running)
        waiting.add_done_callback(self._left)
        return await waiting

    def _left(self, _: "asyncio.Future[T]") -> None:
        self._inside -= 1
