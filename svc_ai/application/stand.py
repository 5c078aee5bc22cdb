"""Stand: whether an answer is still wanted, and may still be written, before it begins and while it is written.

A model writes for a minute, and an answer that nobody wants any more would cost tokens, be shown word by word, and come
to stand where its author was shown the door.
"""

from typing import Final

from mesh.clock import Clock
from mesh.errors import Code, MeshError
from svc_ai.domain.entry import EntryKind, is_direct
from svc_ai.domain.ports import Log
from svc_ai.domain.reading import Histories, People
from svc_ai.domain.reply import Reply

LOOK_SECONDS: Final = 1.0
"""How often it is looked while an answer is written."""

REFUSALS: Final = frozenset({Code.NOT_FOUND, Code.PERMISSION_DENIED, Code.FAILED_PRECONDITION})
"""Codes that say no. With any other one nobody knows, and the answer goes on."""


class Standing:
    """Looks at the log, at the place that the assistant has there, and at blocks."""

    def __init__(self, log: Log, histories: Histories, people: People, clock: Clock) -> None:
        self._log = log
        self._histories = histories
        self._people = people
        self._clock = clock

    async def stands(self, reply: Reply) -> bool:
        """Whether the question is there and the assistant may answer it; True when nobody can say at present."""
        try:
            return await self._is_let(reply) and await self._is_asked(reply)
        except MeshError as error:
            return error.code not in REFUSALS  # the append has the last word

    async def until_withdrawn(self, reply: Reply) -> None:
        """Return when it stands no more."""
        await self._clock.sleep(LOOK_SECONDS)
        while await self.stands(reply):
            await self._clock.sleep(LOOK_SECONDS)

    async def _is_let(self, reply: Reply) -> bool:
        if is_direct(reply.conversation_id):
            return await self._people.is_reached_by(reply.asked_by, reply.assistant_id)
        return not (await self._histories.place(reply.assistant_id, reply.conversation_id)).silenced

    async def _is_asked(self, reply: Reply) -> bool:
        """Whether the question was not recalled."""
        seq = reply.in_reply_to_seq
        page = await self._log.read(reply.assistant_id, reply.conversation_id, seq - 1, 1)
        return any(entry.seq == seq and entry.kind is EntryKind.POST for entry in page.entries)
