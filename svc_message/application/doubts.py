"""Doubts about one user and everybody else: their settings changed, so all is asked again that was said of them."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from svc_message.application.conversations import Conversations
from svc_message.domain.conversation import UserId

SLICE: Final = 5_000
"""Conversations that are looked at before others have their turn: about a millisecond."""

PAUSE_S: Final = 0.05
"""Rest after a look at all conversations, so that who changes settings all the time costs the node little."""

MAX_WAITING: Final = 10_000
"""Users who may wait; beyond that all conversations are doubted."""


class KeptBlocks(Protocol):
    """What this node was told of blocks."""

    def forget(self, one: str, other: str) -> None:
        """What was said of these two may hold no more."""

    def forget_all(self) -> None:
        """What was said of anybody may hold no more."""


class Doubts:
    """Looks through the conversations in memory, for all users who wait at once.

    `forget` forgets what else this node was told of a user, and with "" what it was told of anybody.
    """

    def __init__(self, conversations: Conversations, forget: Callable[[str], None], blocks: KeptBlocks) -> None:
        self._conversations = conversations
        self._forget = forget
        self._blocks = blocks
        self._waiting: set[str] = set()
        self._wake = asyncio.Event()

    def add(self, user_id: str) -> None:
        """What was said of this user may hold no more."""
        self._forget(user_id)
        # Answers that are on their way may be older than this word.
        self._conversations.doubt_answers()
        self._waiting.add(user_id)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._conversations.doubt_all()
        self._wake.set()

    def add_pair(self, one: str, other: str) -> None:
        """What was said of these two may hold no more."""
        self._blocks.forget(one, other)
        self._conversations.doubt_contact(one, other)

    def add_all(self) -> None:
        """It is not known of whom something may hold no more."""
        self._forget("")
        self._blocks.forget_all()
        self._conversations.doubt_all()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            users, self._waiting = self._waiting, set()
            await self._look({UserId(user_id) for user_id in users})
            await asyncio.sleep(PAUSE_S)

    async def _look(self, users: set[UserId]) -> None:
        for number, conversation in enumerate(self._conversations.in_memory()):
            if conversation.cleared_until and not users.isdisjoint(conversation.members):
                conversation.doubt()
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
