"""Send to a conversation: judge each draft, then hand it to the appender.

Most drafts are judged from memory, at once. A conversation that is not in memory, a direct chat whose contact was not
confirmed lately, and an edit or recall need an answer from elsewhere first: such a draft opens a *lane*, in which it
and all later drafts of its conversation wait their turn, so that order holds and other conversations do not wait.
"""

import asyncio
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.append import Appender, Settle, Waiting, promise, repeated
from svc_message.application.conversations import Conversations
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation
from svc_message.domain.entry import Appended, Draft, EntryKind, Stored
from svc_message.domain.ports import Log
from svc_message.domain.reasons import Reason

MAX_IN_LANE: Final = 1_000
"""Drafts that may wait in one lane; more are refused."""

MAX_EDITS: Final = 500
"""Edits of one post that its recall erases."""

AMENDMENTS: Final = frozenset({EntryKind.EDIT, EntryKind.RECALL})
"""Kinds whose target must be read before they are judged."""


class Sender:
    """The entrance of drafts that devices write."""

    def __init__(self, log: Log, conversations: Conversations, appender: Appender, clock: Clock) -> None:
        self._log = log
        self._conversations = conversations
        self._appender = appender
        self._clock = clock
        self._lanes: dict[str, list[tuple[Draft, Settle]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, draft: Draft, settle: Settle) -> None:
        """Judge and append a draft; `settle` is called once, with its place or its error."""
        lane = self._lanes.get(draft.conversation_id)
        if lane is not None:
            self._join(lane, draft, settle)
            return
        conversation = self._conversations.get(draft.conversation_id)
        if conversation is None or not self._at_once(conversation, draft):
            self._open_lane(draft, settle)
            return
        self._appender.submit(Waiting(conversation, draft, settle))

    async def send(self, draft: Draft) -> Appended:
        """Judge and append one draft and wait for its place. Raises what `rules` refuse, and STORE_UNAVAILABLE."""
        done, settle = promise()
        self.submit(draft, settle)
        return await done

    def _at_once(self, conversation: Conversation, draft: Draft) -> bool:
        """Whether memory alone says that the draft is fine. A refusal is looked at twice: it may be a repetition."""
        if draft.kind in AMENDMENTS or not self._conversations.ready_for(conversation, draft.sender_id):
            return False
        return rules.refuse(conversation, draft, self._clock.now_ms()) is None

    def _join(self, lane: list[tuple[Draft, Settle]], draft: Draft, settle: Settle) -> None:
        if len(lane) >= MAX_IN_LANE:
            settle(draft, errors.exhausted(Reason.OVERLOADED, "too much waits for this conversation", retry_after=1.0))
            return
        lane.append((draft, settle))

    def _open_lane(self, draft: Draft, settle: Settle) -> None:
        self._lanes[draft.conversation_id] = [(draft, settle)]
        task = asyncio.create_task(self._drive(draft.conversation_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, conversation_id: str) -> None:
        """Take the lane's drafts one after the other; the lane closes when it is empty."""
        lane = self._lanes[conversation_id]
        try:
            while lane:
                await self._take(*lane[0])
                lane.pop(0)
        finally:
            del self._lanes[conversation_id]

    async def _take(self, draft: Draft, settle: Settle) -> None:
        try:
            conversation = await self._conversations.load(draft.conversation_id)
            await self._conversations.confirm_contact(conversation, draft.sender_id)
            if draft.kind in AMENDMENTS:
                await self._amend(conversation, draft, settle)
                return
            refusal = rules.refuse(conversation, draft, self._clock.now_ms())
            if refusal is not None:
                settle(draft, await self._first_answer(draft) or refusal)
                return
        except MeshError as error:
            settle(draft, error)
            return
        self._appender.submit(Waiting(conversation, draft, settle))

    async def _amend(self, conversation: Conversation, draft: Draft, settle: Settle) -> None:
        """Judge an edit or recall by its target, and wait until it is durable: the next one must see it."""
        target = await self._log.read(draft.conversation_id, draft.target_seq, draft.target_seq, 1)
        now = self._clock.now_ms()
        refusal = rules.refuse(conversation, draft, now) or rules.refuse_amendment(
            conversation, draft, target[0] if target else None, now
        )
        if refusal is not None:
            settle(draft, await self._first_answer(draft) or refusal)
            return
        erased = await self._erased(draft, target) if draft.kind is EntryKind.RECALL else ()
        await self._append(Waiting(conversation, draft, settle, erased))

    async def _append(self, waiting: Waiting) -> None:
        done = asyncio.Event()
        answer = waiting.settle

        def settle(draft: Draft, outcome: Appended | MeshError) -> None:
            answer(draft, outcome)
            done.set()

        waiting.settle = settle
        self._appender.submit(waiting)
        await done.wait()

    async def _erased(self, draft: Draft, target: list[Stored]) -> tuple[Stored, ...]:
        later = await self._log.amendments(draft.conversation_id, draft.target_seq, draft.target_seq, MAX_EDITS)
        return (*target, *(stored for stored in later if stored.kind is EntryKind.EDIT))

    async def _first_answer(self, draft: Draft) -> Appended | MeshError | None:
        """What a draft was answered when it first came, if it was: what was accepted once stays accepted."""
        known = await self._log.find((draft.key,))
        return repeated(draft, known[draft.key]) if known else None
