"""Keep entries for as long as their conversation wants, and remove them after that."""

from contextlib import suppress
from typing import Final

from mesh import errors
from svc_message.application.conversations import Conversations
from svc_message.application.own.change import DEVICE, number_of
from svc_message.application.service_append import ServiceAppend
from svc_message.application.settle import MAX_JUDGED, Outdated
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.places import CutOff
from svc_message.domain.conversation import Conversation, ConversationId, ConversationKind, Role, UserId
from svc_message.domain.entry import Draft, EntryKind, GroupDelta
from svc_message.domain.notices import Notices
from svc_message.domain.ports import Codec, EntryHead, Log
from svc_message.domain.reasons import Reason
from svc_message.domain.rules import suspended, unknown_conversation
from svc_message.domain.timing.retention import MAX_REMOVED, Kept, Retentions, last_to_go

PACE_MS: Final = 60_000
"""Conversations are gone through once in so long: days are not counted by the second."""

PAGE: Final = 20
"""Conversations of one go."""

ALL: Final = 2**63 - 1


class Retention:
    """Sets how long entries are kept, and removes what is older."""

    def __init__(
        self,
        retentions: Retentions,
        log: Log,
        conversations: Conversations,
        memory: Memory,
        append: ServiceAppend,
        codec: Codec,
        notices: Notices,
    ) -> None:
        self._retentions = retentions
        self._log = log
        self._conversations = conversations
        self._memory = memory
        self._append = append
        self._codec = codec
        self._notices = notices
        self._after = ""
        self._next_ms = 0

    async def set(self, user_id: UserId, conversation_id: ConversationId, days: int) -> None:
        """Let entries go after so many days, 0 never, and tell all by an entry.

        Raises CONVERSATION_NOT_FOUND, NOT_ALLOWED to all but the owner of a group and the two of a direct chat,
        GROUP_SUSPENDED, and what refuses a message between the two.
        """
        for _ in range(MAX_JUDGED):
            with suppress(Outdated):
                return await self._set(user_id, conversation_id, days)
        raise Outdated

    async def _set(self, user_id: UserId, conversation_id: ConversationId, days: int) -> None:
        """The same, once. Raises Outdated when what it was judged by has changed meanwhile."""
        conversation = await self._conversations.load(conversation_id)
        await self._conversations.reload(conversation)
        _check(conversation, user_id)
        judged = conversation.terms
        # It is an entry of the other one's log, and in time takes the rest of it away.
        await self._conversations.confirm_contact(conversation, user_id)
        if (await self._retentions.days([conversation_id])).get(conversation_id, 0) == days:
            return
        number = number_of(f"{conversation_id} {user_id} {days}", conversation.head)
        content, delta = self._notices.retention(days), GroupDelta(retention_days=days)
        draft = Draft(conversation_id, user_id, DEVICE, number, EntryKind.RETENTION, content, group=delta)
        await self._append.as_judged(conversation, draft, judged)

    async def remove_due(self, now_ms: int) -> int | None:
        """Remove what is too old in some conversations, in rounds; when to go on."""
        if not self._after and now_ms < self._next_ms:
            return self._next_ms
        due = await self._retentions.due(now_ms, self._after, PAGE)
        for kept in due:
            await self._remove(kept, now_ms)
        self._after = due[-1].conversation_id if len(due) == PAGE else ""
        if self._after:
            return now_ms
        self._next_ms = now_ms + PACE_MS
        return self._next_ms

    async def _remove(self, kept: Kept, now_ms: int) -> None:
        """At most `MAX_REMOVED` entries; the rest goes in the next round."""
        oldest = await self._log.read(kept.conversation_id, 1, ALL, MAX_REMOVED)
        last = last_to_go(oldest, kept.limit_ms(now_ms))
        if last is None:
            return
        head = EntryHead(last.conversation_id, last.seq, last.sender_id, last.sent_at_ms, last.client_message_id)
        try:
            await self._retentions.cut(kept.conversation_id, last.seq, self._codec.cut(head))
        except BaseException:
            self._memory.forget()
            raise
        self._memory.cut(CutOff(kept.conversation_id, last.seq))


def _check(conversation: Conversation, user_id: UserId) -> None:
    member = conversation.members.get(user_id)
    if member is None:
        raise unknown_conversation()
    if conversation.kind is ConversationKind.PERSONAL:
        raise errors.denied(Reason.NOT_ALLOWED, "the personal log is kept")
    if conversation.kind is ConversationKind.GROUP and member.role is not Role.OWNER:
        raise errors.denied(Reason.NOT_ALLOWED, "only the owner of a group says how long its entries are kept")
    if conversation.suspended:
        raise suspended()
