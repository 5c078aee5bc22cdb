"""Keep how far users have read and received, and tell those who care."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_message.application.conversations import Conversations
from svc_message.application.memory import Memory
from svc_message.application.shown import Shown
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, ConversationKind, Seq, UserId
from svc_message.domain.ports import Delivery, Mark, Members
from svc_message.domain.reasons import Reason

SHOWN_TO_MEMBERS: Final = 50
"""In groups up to this size each member sees the others' receipts at once; in larger ones they are asked for."""


class Receipts:
    """Collects marks and writes all that wait at once, like the appender does."""

    def __init__(
        self,
        members: Members,
        conversations: Conversations,
        memory: Memory,
        shown: Shown,
        deliver: Callable[[list[Delivery]], None],
        on_risen: Callable[[], None],
    ) -> None:
        self._members = members
        self._memory = memory
        self._shown = shown
        self._conversations = conversations
        self._deliver = deliver
        self._on_risen = on_risen
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
        risen: list[Delivery] = []
        for (mark, device_id, done), (now, rose) in zip(batch, standing, strict=True):
            if done is not None and not done.done():
                done.set_result(now)
            if rose:
                risen += self._receipts(now, device_id, by_read=bool(mark.read_seq))
        if any(rose for _, rose in standing):
            self._on_risen()
        await self._tell(risen)

    async def _tell(self, risen: list[Delivery]) -> None:
        """Deliver receipts; who hides how far they have read neither shows it nor sees it of others."""
        users = {user_id for one in risen if one.receipt and one.receipt.read_seq for user_id in one.audience}
        hiding = await self._shown.hiding(users) if users else users
        self._deliver([told for one in risen for told in _told(one, hiding)])

    async def _advance(self, marks: list[Mark]) -> list[tuple[Mark, bool]]:
        """Write, and remember before anybody hears of it."""
        try:
            standing = await self._members.advance(marks)
        except BaseException:
            self._memory.forget()
            raise
        self._memory.advanced([now for now, rose in standing if rose])
        return standing

    def _receipts(self, mark: Mark, device_id: str, *, by_read: bool) -> list[Delivery]:
        conversation = self._conversations.get(mark.conversation_id)
        if conversation is None:
            return []
        audience = _audience(conversation, mark.user_id, by_read=by_read)
        return [Delivery(audience, mark.conversation_id, except_device=device_id, receipt=mark)]


def _told(one: Delivery, hiding: Collection[UserId]) -> list[Delivery]:
    """A receipt as its users may see it: whole, or without how far is read."""
    receipt = one.receipt
    if receipt is None or not receipt.read_seq or not any(user_id in hiding for user_id in one.audience):
        return [one]
    hides = receipt.user_id in hiding
    whole = {user_id for user_id in one.audience if not hides and user_id not in hiding} | {receipt.user_id}
    rest = tuple(user_id for user_id in one.audience if user_id not in whole)
    bare = one._replace(audience=rest, receipt=replace(receipt, read_seq=Seq(0)))
    kept = one._replace(audience=tuple(user_id for user_id in one.audience if user_id in whole))
    return [told for told in (kept, bare) if told.audience]


def _audience(conversation: Conversation, user_id: UserId, *, by_read: bool) -> tuple[UserId, ...]:
    """One's own devices learn what one has read; the others of a small conversation learn both."""
    if len(conversation.members) <= SHOWN_TO_MEMBERS and conversation.kind is not ConversationKind.PERSONAL:
        return conversation.audience
    return (user_id,) if by_read else ()


def _answer_error(batch: list[tuple[Mark, str, "asyncio.Future[Mark] | None"]], error: MeshError) -> None:
    for _, _, done in batch:
        if done is not None and not done.done():
            done.set_exception(error)
