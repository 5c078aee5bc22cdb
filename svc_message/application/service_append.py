"""Append what services write: trusted in what it says, idempotent like everything else.

A post, such as an answer of an assistant, has an author who must be allowed to write when its place is given, as any
member must: what took a minute to be written may come after they were removed or muted, or the group was closed.

And what users do by this service that is no message, which was judged by whoever brings it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from mesh.clock import Clock
from svc_message.application.append import Appender, Waiting
from svc_message.application.conversations import Conversations
from svc_message.application.settle import promise
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, ConversationId, DeviceId, UserId
from svc_message.domain.entry import Appended, Draft, EntryKind, Stored
from svc_message.domain.ports import Log

ANYTHING: Final = (DeviceId(""), 0, EntryKind.POST, b"")
"""A post of which nothing is known but who writes it where."""


class ServiceAppend:
    """The entrance of drafts that services write."""

    def __init__(self, conversations: Conversations, appender: Appender, log: Log, clock: Clock) -> None:
        self._conversations = conversations
        self._appender = appender
        self._log = log
        self._clock = clock

    async def start(self, drafts: Sequence[Draft]) -> "list[asyncio.Future[Appended]]":
        """Queue the drafts in their order; each future gives the place, or raises as `Appender` answers.

        Raises CONVERSATION_NOT_FOUND for an id that can be none, or for a post of who is no member, MUTED and
        GROUP_SUSPENDED for a post, before anything is queued.
        """
        prepared = [await self._prepare(draft) for draft in drafts]
        for waiting, _ in prepared:
            self._appender.submit(waiting)
        return [done for _, done in prepared]

    async def erase(self, draft: Draft, erased: tuple[Stored, ...]) -> Appended:
        """Append an entry that removes the words of others; waits for its place."""
        conversation = await self._conversations.load(draft.conversation_id)
        done, settle = promise()
        self._appender.submit(Waiting(conversation, draft, settle, erased))
        return await done

    async def as_judged(self, conversation: Conversation, draft: Draft, judged: int) -> Appended:
        """Append what a user may do by these terms of the conversation. Raises Outdated when others hold by now."""
        done, settle = promise()
        self._appender.submit(Waiting(conversation, draft, settle, judged=judged))
        return await done

    async def silenced(self, user_id: UserId, conversation_id: ConversationId) -> bool:
        """Whether this user may write no post there at present. CONVERSATION_NOT_FOUND for an id that can be none."""
        conversation = await self._conversations.load(conversation_id)
        await self._conversations.reload(conversation)
        draft = Draft(conversation_id, user_id, *ANYTHING)
        return rules.refuse(conversation, draft, self._clock.now_ms()) is not None

    async def _prepare(self, draft: Draft) -> "tuple[Waiting, asyncio.Future[Appended]]":
        conversation = await self._conversations.load(draft.conversation_id)
        says = draft.kind is EntryKind.POST and draft.sender_id
        judged = await self._judge(conversation, draft) if says else None
        done, settle = promise()
        return Waiting(conversation, draft, settle, judged=judged), done

    async def _judge(self, conversation: Conversation, draft: Draft) -> int | None:
        """The terms that allow a post; raises what refuses it. None: it stands there already, and what was accepted
        once stays so.
        """
        if rules.refuse(conversation, draft, self._clock.now_ms()) is None:
            return conversation.terms
        await self._conversations.reload(conversation)
        refusal = rules.refuse(conversation, draft, self._clock.now_ms())
        if refusal is None:
            return conversation.terms
        if not await self._log.find((draft.key,)):
            raise refusal
        return None
