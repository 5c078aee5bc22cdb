"""`svc_user.domain.ports.Passwords` with argon2id, on threads of its own."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import argon2

from mesh import errors
from svc_user.domain.reasons import Reason

T = TypeVar("T")

RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class HashSettings:
    """The first argon2id parameters that OWASP names: 21 ms of one core for each hash.

    Two threads leave the event loop its share of a small machine; `max_waiting` is about a second of their work.
    """

    memory_kib: int = 19 * 1024
    iterations: int = 2
    lanes: int = 1
    threads: int = 2
    max_waiting: int = 64


class Argon2Passwords:
    """Bounded: beyond `max_waiting` hashes in the queue a caller is sent away, so log-ins cannot take the machine."""

    def __init__(self, settings: HashSettings) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.iterations, memory_cost=settings.memory_kib, parallelism=settings.lanes
        )
        self._max_inside = settings.threads + settings.max_waiting
        self._inside = 0
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="argon2")
        # What is checked when there is no account; made with the same parameters, so that it takes the same time.
        self._dummy = self._hasher.hash(secrets.token_hex(16))

    async def close(self) -> None:
        """Finish what is being hashed."""
        await asyncio.to_thread(self._threads.shutdown)

    async def hash(self, password: str) -> str:
        """See the port."""
        return await self._run(partial(self._hasher.hash, password))

    async def verify(self, password_hash: str, password: str) -> bool:
        """See the port."""
        matches = await self._run(partial(self._matches, password_hash or self._dummy, password))
        return matches and bool(password_hash)

    def outdated(self, password_hash: str) -> bool:
        """See the port."""
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside >= self._max_inside:
            raise errors.exhausted(Reason.OVERLOADED, "too many log-ins at once", retry_after=RETRY_S)
        self._inside += 1
        running = self._threads.submit(work)
        # A caller who gives up takes their work out of the queue with them, unless a thread is at it.
        waiting = asyncio.wrap_future(running)
        waiting.add_done_callback(self._left)
        return await waiting

    def _left(self, _: "asyncio.Future[T]") -> None:
        self._inside -= 1
