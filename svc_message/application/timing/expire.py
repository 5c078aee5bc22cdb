"""Let posts destroy themselves: their words go from the store as by a recall, which the system writes."""

from typing import Final

from mesh.clock import Clock
from svc_message.application.agenda import Agenda
from svc_message.application.changes import edits_of
from svc_message.application.own.change import DEVICE
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.notices import Notices
from svc_message.domain.ports import Log
from svc_message.domain.timing.expiry import Expiries, Expiring

LOOK: Final = 500
"""Posts that wait to be read, of which so many are looked at in a second, one after the other."""

PAUSE_MS: Final = 1_000
"""So long after somebody has read anything it is looked at who was waited for, and so long after a look at a part of
the posts at the next part.
"""

DUE: Final = 100
"""Posts that go in one go."""


class Expirer:
    """Keeps nothing but where it is in its round: what is due stands in the store."""

    def __init__(
        self, expiries: Expiries, log: Log, append: ServiceAppend, notices: Notices, clock: Clock, agenda: Agenda
    ) -> None:
        self._expiries = expiries
        self._log = log
        self._append = append
        self._notices = notices
        self._clock = clock
        self._agenda = agenda
        self._after = ""
        self._read = False

    def read(self) -> None:
        """Somebody has read something here: perhaps what a post waits for. Never waits."""
        if not self._read:
            self._read = True
            self._agenda.note(self._clock.now_ms() + PAUSE_MS)

    async def begin_read(self, now_ms: int) -> int | None:
        """Let the time begin for posts that were read; when to go on with those that were not looked at."""
        self._read = False
        self._after = await self._expiries.begin(now_ms, self._after, LOOK)
        return now_ms + PAUSE_MS if self._after else None

    async def destroy_due(self, now_ms: int) -> int | None:
        """Destroy the posts whose time is over; when the next one's is."""
        due = await self._expiries.due(now_ms, DUE)
        for one in due:
            await self._destroy(one)
        if due:
            await self._expiries.done(due)
        return await self._expiries.next_due()

    async def _destroy(self, one: Expiring) -> None:
        """Once more when an edit came in between: none comes after the recall."""
        while words := await self._words(one):
            # The newest that goes names the recall: whoever sees the same writes the same.
            number, target = max(stored.seq for stored in words), Seq(one.seq)
            content = self._notices.expired(one.seq)
            draft = Draft(one.conversation_id, UserId(""), DEVICE, number, EntryKind.RECALL, content, target)
            await self._append.erase(draft, tuple(words))

    async def _words(self, one: Expiring) -> list[Stored]:
        target = await self._log.read(one.conversation_id, one.seq, one.seq, 1)
        posts = [stored for stored in target if stored.kind is EntryKind.POST]
        return posts + await edits_of(self._log, one.conversation_id, one.seq)
