"""Read any conversation and take any message back: what administrators do with messages."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from svc_message.application.append import Appender, Waiting
from svc_message.application.conversations import Conversations
from svc_message.application.reading.history import Stretch, page_size
from svc_message.application.settle import promise
from svc_message.application.sync.catch_up import MAX_BYTES, within
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, ConversationId, DeviceId, Seq, UserId
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.ports import Log
from svc_message.domain.reasons import Reason

WRITER: Final = DeviceId("administrator")
"""As what recalls of administrators are appended; their sender is nobody, so members see that the system did it."""

SYSTEM: Final = UserId("")

PAGE: Final = 500

MAX_ROUNDS: Final = 5
"""Recalls in a row of one message, when it is edited again while it is taken back."""


Recall = Callable[[int], bytes]
"""Encodes the content of an entry that recalls the post with this seq."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a log as it is kept."""

    entries: Sequence[Stored]
    more: bool
    head_seq: Seq


class Overseer:
    """Messages in the hands of administrators."""

    def __init__(
        self, log: Log, conversations: Conversations, appender: Appender, recall: Recall, clock: Clock
    ) -> None:
        self._log = log
        self._conversations = conversations
        self._appender = appender
        self._recall = recall
        self._clock = clock

    async def read(self, stretch: Stretch) -> Piece:
        """Read a stretch. Raises CONVERSATION_NOT_FOUND and RANGE_INVALID."""
        if stretch.to_seq and stretch.from_seq > stretch.to_seq:
            raise errors.invalid(Reason.RANGE_INVALID, "from_seq must not be larger than to_seq")
        head = (await self._log.heads((stretch.conversation_id,)))[stretch.conversation_id]
        if not head:
            raise rules.unknown_conversation()
        size, last = page_size(stretch.limit), min(stretch.to_seq or head, head)
        id_, first = stretch.conversation_id, max(stretch.from_seq, 1)
        found = await self._log.read(id_, first, last, size + 1, descending=stretch.descending)
        page = within(found[:size], MAX_BYTES)
        return Piece(page, len(found) > len(page), head)

    async def recall(self, conversation_id: ConversationId, seq: int) -> Seq:
        """Take a message back with all its edits; return the seq of the recall, 0 if it was recalled before.

        Raises CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND, and UNAVAILABLE: then repeat it.
        """
        conversation = await self._conversations.load(conversation_id)
        placed = Seq(0)
        for _ in range(MAX_ROUNDS):
            # An edit may come between the look and the recall: it is found by the next look.
            bodies = await self._bodies(conversation_id, seq)
            if not bodies:
                return placed
            placed = await self._append(conversation, seq, bodies)
        raise errors.unavailable(Reason.OVERLOADED, "it is edited all the time; try again", retry_after=1.0)

    async def _bodies(self, conversation_id: ConversationId, seq: int) -> tuple[Stored, ...]:
        """The post and its edits, as far as they still hold something."""
        found = await self._log.read(conversation_id, seq, seq, 1)
        if not found or found[0].kind not in (EntryKind.POST, EntryKind.TOMBSTONE):
            raise errors.not_found(Reason.ENTRY_NOT_FOUND, "there is no post with this seq")
        bodies = [one for one in found if one.kind is EntryKind.POST]
        after = seq
        while later := await self._log.amendments(conversation_id, seq, seq, PAGE, after=after):
            bodies += (one for one in later if one.kind is EntryKind.EDIT)
            after = later[-1].seq
        return tuple(bodies)

    async def _append(self, conversation: Conversation, seq: int, erased: tuple[Stored, ...]) -> Seq:
        number = self._clock.now_ms() << 20 | secrets.randbits(20)
        content = self._recall(seq)
        draft = Draft(conversation.id, SYSTEM, WRITER, number, EntryKind.RECALL, content, Seq(seq))
        done, settle = promise()
        self._appender.submit(Waiting(conversation, draft, settle, erased))
        return (await done).seq
