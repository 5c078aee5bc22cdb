"""Positions in a list that several processes change at once, for readers who ask "what changed after this?".

A counter alone is not enough: a change that took position 5 may be kept after one that took 6, and who read up to 6
would never see it. So taking a position also writes down, in the same document, that a change is on its way, and
`settled` tells a reader the newest position before which nothing is on its way any more.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from mesh.clock import Clock
from mesh.infrastructure.mongo import Database, Document

FORSAKEN_MS: Final = 15_000
"""A change that is on its way for so long was left by its process. It takes seconds at most."""

NEAR_MS: Final = 1_000
"""How far behind the time positions that follow it may be."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A position that was taken in a list, until `done`."""

    list: str
    value: int
    token: str


class Positions:
    """The lists of one collection. `interrupt` makes a change of a root that is on its way begin again."""

    def __init__(
        self, database: Database, collection: str, clock: Clock, interrupt: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._database = database
        self._lists = database.collection(collection)
        self._clock = clock
        self._interrupt = interrupt

    async def newest(self, name: str) -> int:
        """The position that was taken last."""
        with self._database.reading():
            found = await self._lists.find_one({"_id": name}, {"newest": 1})
        return int(found["newest"]) if found else 0

    async def take(self, name: str, root: str, newest: int) -> Taken:
        """Take the next position for a change of `root`; `newest` is some position that was taken before."""
        now = self._clock.now_ms()
        token = secrets.token_hex(8)
        begun = {"root": root, "after": newest, "at_ms": now}
        value = await self._next(name, {"$inc": {"newest": 1}, "$set": {f"open.{token}": begun}})
        return Taken(name, value, token)

    async def take_near_time(self, name: str, root: str, newest: int) -> Taken:
        """The same, and the position is near the time, so that it tells nobody how much happens."""
        taken = await self.take(name, root, newest)
        now = self._clock.now_ms()
        if taken.value >= now - NEAR_MS:
            return taken
        with self._database.writing():
            await self._lists.update_one({"_id": name}, {"$max": {"newest": now}})
        return Taken(name, await self._next(name, {"$inc": {"newest": 1}}), taken.token)

    async def done(self, *taken: Taken) -> None:
        """The change is kept and carried out, or will not be."""
        with self._database.writing():
            await asyncio.gather(
                *(self._lists.update_one({"_id": one.list}, {"$unset": {f"open.{one.token}": ""}}) for one in taken)
            )

    async def settled(self, name: str, after: int) -> int:
        """The newest position up to which every change is kept.

        `after` is what the reader was told before: that holds still, so the answer does not go back behind it.
        """
        with self._database.reading():
            found = await self._lists.find_one({"_id": name})
        if found is None:
            return 0
        newest = int(found["newest"])
        begun = found.get("open", {})
        await self._clear(name, begun)
        sure = min([newest, *(int(one["after"]) for one in begun.values())])
        return max(sure, min(after, newest))

    async def _next(self, name: str, update: Document) -> int:
        with self._database.writing():
            try:
                return await self._take(name, update)
            except DuplicateKeyError:  # two processes made the list at once
                return await self._take(name, update)

    async def _take(self, name: str, update: Document) -> int:
        found = await self._lists.find_one_and_update(
            {"_id": name}, update, {"newest": 1}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return int(found["newest"]) if found else 0

    async def _clear(self, name: str, begun: dict[str, Document]) -> None:
        """End what was left on its way: after that, if its process lives, the change takes another position."""
        oldest = self._clock.now_ms() - FORSAKEN_MS
        for token, one in begun.items():
            if one["at_ms"] < oldest and await self._interrupt(one["root"]):
                await self.done(Taken(name, 0, token))
