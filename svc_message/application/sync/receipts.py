"""Keep how far users have read and received, and pass on what rose."""

import asyncio
from collections.abc import Callable, Sequence

from mesh import errors
from mesh.errors import MeshError
from svc_message.application.conversations import Conversations
from svc_message.application.sync.memory import Memory
from svc_message.domain import rules
from svc_message.domain.ports import Mark, Members
from svc_message.domain.reasons import Reason
from svc_message.domain.told_marks import Risen


class Receipts:
    """Collects marks and writes all that wait at once, like the appender does."""

    def __init__(
        self,
        members: Members,
        conversations: Conversations,
        memory: Memory,
        tell: Callable[[Sequence[Risen]], None],
        on_read: Callable[[], None],
    ) -> None:
        self._members = members
        self._memory = memory
        self._conversations = conversations
        self._tell = tell
        self._on_read = on_read
        self._waiting: list[tuple[Mark, str, asyncio.Future[Mark] | None]] = []
        self._wake = asyncio.Event()

    async def mark(self, mark: Mark, device_id: str) -> Mark:
        """Raise the positions and wait until that is durable; return them as they stand.

        Raises CONVERSATION_NOT_FOUND, and RANGE_INVALID for a position beyond the newest entry.
        """
        await self.check(mark)
        done: asyncio.Future[Mark] = asyncio.get_running_loop().create_future()
        self._queue(mark, device_id, done)
        return await done

    async def note(self, mark: Mark, device_id: str) -> None:
        """Raise the positions soon, without waiting. Raises as `mark`."""
        await self.check(mark)
        self._queue(mark, device_id, None)

    async def check(self, mark: Mark) -> None:
        """Raise unless the user is or was in the conversation and may see these positions."""
        conversation = await self._conversations.load(mark.conversation_id)
        wanted = max(mark.read_seq, mark.received_seq)
        if mark.user_id in conversation.members and wanted <= conversation.head:
            return
        # Not as far as this node knows: another one may have written, and who has left still sees a part.
        place = await self._members.one(conversation.id, mark.user_id)
        if place is None:
            raise rules.unknown_conversation()
        await self._conversations.reload(conversation)
        if wanted > place.last_visible(conversation.head):
            message = f"you can see seqs up to {place.last_visible(conversation.head)}"
            raise errors.out_of_range(Reason.RANGE_INVALID, message)

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            await self._write(batch)

    def _queue(self, mark: Mark, device_id: str, done: "asyncio.Future[Mark] | None") -> None:
        self._waiting.append((mark, device_id, done))
        self._wake.set()

    async def _write(self, batch: list[tuple[Mark, str, "asyncio.Future[Mark] | None"]]) -> None:
        try:
            standing = await self._advance([mark for mark, _, _ in batch])
        except MeshError as error:
            _answer_error(batch, error)
            return
        risen: list[Risen] = []
        for (mark, device_id, done), (now, rose) in zip(batch, standing, strict=True):
            if done is not None and not done.done():
                done.set_result(now)
            if rose:
                risen.append(Risen(now, device_id, by_read=bool(mark.read_seq)))
        if any(one.by_read for one in risen):
            self._on_read()
        self._tell(risen)

    async def _advance(self, marks: list[Mark]) -> list[tuple[Mark, bool]]:
        """Write, and remember before anybody hears of it."""
        try:
            standing = await self._members.advance(marks)
        except BaseException:
            self._memory.forget()
            raise
        self._memory.advanced([now for now, rose in standing if rose])
        return standing


def _answer_error(batch: list[tuple[Mark, str, "asyncio.Future[Mark] | None"]], error: MeshError) -> None:
    for _, _, done in batch:
        if done is not None and not done.done():
            done.set_exception(error)
