"""Append what services write: trusted in what it says, idempotent like everything else."""

import asyncio
from collections.abc import Sequence

from svc_message.application.append import Appender, Waiting
from svc_message.application.conversations import Conversations
from svc_message.application.settle import promise
from svc_message.domain.conversation import Conversation
from svc_message.domain.entry import Appended, Draft, Stored


class ServiceAppend:
    """The entrance of drafts that services write."""

    def __init__(self, conversations: Conversations, appender: Appender) -> None:
        self._conversations = conversations
        self._appender = appender

    async def start(self, drafts: Sequence[Draft]) -> "list[asyncio.Future[Appended]]":
        """Queue the drafts in their order; each future gives the place, or raises as `Appender` answers.

        Raises CONVERSATION_NOT_FOUND for an id that can be none, before anything is queued.
        """
        loaded = [await self._conversations.load(draft.conversation_id) for draft in drafts]
        return [self._queue(conversation, draft) for conversation, draft in zip(loaded, drafts, strict=True)]

    async def erase(self, draft: Draft, erased: tuple[Stored, ...]) -> Appended:
        """Append an entry that removes the words of others; waits for its place."""
        conversation = await self._conversations.load(draft.conversation_id)
        done, settle = promise()
        self._appender.submit(Waiting(conversation, draft, settle, erased))
        return await done

    def _queue(self, conversation: Conversation, draft: Draft) -> "asyncio.Future[Appended]":
        done, settle = promise()
        self._appender.submit(Waiting(conversation, draft, settle))
        return done
