"""What this node remembers of its logs, so that a device that comes back costs no read of the store.

The memory is right as long as nobody else writes to the store: what this node appends and marks is taken in before it
is answered. Whether somebody else wrote is asked of the store each time before the memory answers, see
`Log.foreign_writes`; when the number is another one, all is forgotten and read anew.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.errors import MeshError
from svc_message.application.sync.places import Change, CutOff, Head, Places, PlacesOfUser, Veiled, place_of
from svc_message.application.sync.recent import Recent
from svc_message.domain.conversation import UserId
from svc_message.domain.entry import Row
from svc_message.domain.ports import Log, Mark, Members, Span, Standing

PACE_S: Final = 0.005
"""Looks at who wrote begin at least this far apart: a storm of devices shares each, and a lone device waits for none.
"""

MAX_LOADS: Final = 32
"""Users who are read from the store at the same time."""

MAX_CHANGES: Final = 10_000
"""Entries and marks that are kept for users who are being read: about half a second of a busy node."""


@dataclass(frozen=True, slots=True)
class View:
    """What a user may see, at one moment. Use it before you wait for anything: it goes on with the memory."""

    places: PlacesOfUser
    _recent: Recent | None

    def read(self, span: Span) -> Sequence[bytes] | None:
        """The entries of the span, when they are in memory."""
        return None if self._recent is None else self._recent.read(span)


class Memory:
    """Places and recent entries, and whether they may be believed.

    An *age* ends when all is forgotten. What was read in one age is not remembered in the next.
    """

    def __init__(self, log: Log, members: Members, places: Places | None = None, recent: Recent | None = None) -> None:
        self._log = log
        self._members = members
        self._places = places or Places()
        self._recent = recent or Recent()
        self._number: int | None = None
        self._age = 0
        self._loads = asyncio.Semaphore(MAX_LOADS)
        self._loading = 0
        self._changes: list[Change] = []
        self._one_look = asyncio.Lock()
        self._next_look = 0.0
        self._coming: asyncio.Task[int | None] | None = None

    async def view(self, user_id: UserId) -> View:
        """What the user may see now, with everything that anybody wrote before. UNAVAILABLE as the store says."""
        age = await self._look_once()
        return self._find(user_id, age) or await self._read(user_id, age)

    async def views(self, user_ids: Sequence[UserId]) -> list[View | None]:
        """The same for many users after one look; None for those whom the store could not give now."""
        age = await self._look_once()
        return [self._find(user_id, age) or await self._try_read(user_id, age) for user_id in user_ids]

    @property
    def age(self) -> int:
        """The present age: ask for it before you append."""
        return self._age

    def appended(self, rows: Sequence[Row], age: int) -> None:
        """Take in entries that are durable, and whose append began in this age.

        Places do not mind the order in which they are told. An entry may: when all was forgotten since, it may have
        been recalled by whoever wrote.
        """
        fresh = age == self._age
        for row in rows:
            self._places.appended(row)
            if fresh:
                self._recent.appended(row)
            else:
                self._recent.drop(row.draft.conversation_id)
        self._note(rows)

    def advanced(self, marks: Sequence[Mark]) -> None:
        """Take in positions that are durable."""
        for mark in marks:
            self._places.advanced(mark)
        self._note(marks)

    def veiled(self, change: Veiled) -> None:
        """Take in what a user has hidden, durably."""
        self._places.veiled(change)
        self._note((change,))

    def cut(self, change: CutOff) -> None:
        """Take in that the beginning of a log was removed, durably."""
        self._places.cut(change)
        self._recent.drop(change.conversation_id)
        self._note((change,))

    def forget(self) -> None:
        """Forget all, and believe nothing that is on its way: what is in the store is not known."""
        self._age += 1
        self._number = None
        self._places.forget()
        self._recent.forget()

    def _note(self, changes: Sequence[Change]) -> None:
        """Keep changes for those who are being read; when too many came meanwhile, what is read is not remembered."""
        if self._loading:
            self._changes += changes
            if len(self._changes) > MAX_CHANGES:
                self._changes = []

    def _find(self, user_id: UserId, age: int | None) -> View | None:
        places = self._places.get(user_id) if age == self._age else None
        return None if places is None else View(places, self._recent)

    async def _read(self, user_id: UserId, age: int | None) -> View:
        async with self._loads:
            return self._find(user_id, age) or await self._load(user_id, age)

    async def _try_read(self, user_id: UserId, age: int | None) -> View | None:
        try:
            return await self._read(user_id, age)
        except MeshError:
            return None

    async def _look_once(self) -> int | None:
        """The age in which the memory may be believed as of now; one look serves all who come before it begins."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._look())
        return await asyncio.shield(self._coming)

    async def _look(self) -> int | None:
        async with self._one_look:
            await self._keep_pace()
            self._coming = None
            age = self._age
            number = await self._log.foreign_writes()
        if number is None or age != self._age:
            return None
        if number != self._number:
            self.forget()
            self._number = number
        return self._age

    async def _keep_pace(self) -> None:
        loop = asyncio.get_running_loop()
        if (left := self._next_look - loop.time()) > 0:
            await asyncio.sleep(left)
        self._next_look = loop.time() + PACE_S

    async def _load(self, user_id: UserId, age: int | None) -> View:
        """Read a user, and take in again what this node wrote meanwhile: the store may have answered before that."""
        self._loading += 1
        changes, begin = self._changes, len(self._changes)
        try:
            standings = await self._members.standings(user_id)
            if age != self._age or changes is not self._changes:
                return View(_apart(standings), None)
            places = self._places.put(user_id, standings)
            for change in changes[begin:]:
                self._places.take_in(change)
            return View(places, self._recent)
        finally:
            self._loading -= 1
            if not self._loading:
                self._changes = []


def _apart(standings: Iterable[Standing]) -> PlacesOfUser:
    """Places that are not remembered."""
    return {one.conversation_id: place_of(one, Head(one.head_seq)) for one in standings}
