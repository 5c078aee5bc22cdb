"""The log as those who append see it: whatever they write is remembered before they hear of it."""

from collections.abc import Collection, Mapping, Sequence

from svc_message.application.sync.memory import Memory
from svc_message.domain.conversation import ConversationId, DeviceId, Seq
from svc_message.domain.entry import Row, Stored
from svc_message.domain.ports import Clash, Log, Run, Span

Key = tuple[ConversationId, DeviceId, int]


class RememberedLog:
    """`svc_message.domain.ports.Log` in front of another one. Only `append` does more than to pass on."""

    def __init__(self, log: Log, memory: Memory) -> None:
        self._log = log
        self._memory = memory

    async def append(self, rows: Sequence[Row]) -> None:
        """See the port."""
        age = self._memory.age
        try:
            await self._log.append(rows)
        except Clash as clash:
            self._memory.appended(rows[: clash.stored], age)
            raise
        except BaseException:
            # Nobody knows what is stored, a caller who gave up included.
            self._memory.forget()
            raise
        self._memory.appended(rows, age)

    async def heads(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        return await self._log.heads(ids)

    async def find(self, keys: Collection[Key]) -> dict[Key, Stored]:
        """See the port."""
        return await self._log.find(keys)

    async def read(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, descending: bool = False
    ) -> list[Stored]:
        """See the port."""
        return await self._log.read(conversation_id, first, last, limit, descending=descending)

    async def read_each(self, spans: Sequence[Span], limit: int, room: int) -> list[Run]:
        """See the port."""
        return await self._log.read_each(spans, limit, room)

    async def last(self, ends: Mapping[ConversationId, Seq]) -> dict[ConversationId, Stored]:
        """See the port."""
        return await self._log.last(ends)

    async def amendments(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, after: int = 0
    ) -> list[Stored]:
        """See the port."""
        return await self._log.amendments(conversation_id, first, last, limit, after=after)

    async def foreign_writes(self) -> int | None:
        """See the port."""
        return await self._log.foreign_writes()
