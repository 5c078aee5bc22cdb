"""Send to a conversation: judge each draft, then hand it to the appender.

Most drafts are judged from memory, at once. A conversation that is not in memory, a direct chat whose contact was not
confirmed lately, what refers to media, and what changes an earlier post need an answer from elsewhere first, in slow
mode the pace is kept, and where the installation has a policy, or a model that judges, it is asked about all posts:
such a draft opens a *lane*, in which it and all later drafts of its conversation wait their turn, so that order holds
and other conversations do not wait.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import Code, MeshError
from svc_message.application.append import Appender, Waiting
from svc_message.application.bots.sights import Sights
from svc_message.application.changes import edits_of
from svc_message.application.conversations import Conversations
from svc_message.application.judging.screen import SCREENED, Screening, telling_of_replacement
from svc_message.application.media.rights import MediaRights
from svc_message.application.pace import keep_pace
from svc_message.application.reading.present import Present
from svc_message.application.settle import MAX_JUDGED, Outdated, Settle, promise, repeated
from svc_message.domain import rules
from svc_message.domain.administration.word_list import WordList
from svc_message.domain.conversation import Conversation
from svc_message.domain.entry import Appended, Draft, EntryKind, Stored
from svc_message.domain.ports import Log
from svc_message.domain.posts.changes import Changes
from svc_message.domain.reasons import Reason

MAX_IN_LANE: Final = 1_000
"""Drafts that may wait in one lane; more are refused."""

REFUSALS: Final = frozenset({Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.PERMISSION_DENIED, Code.FAILED_PRECONDITION})
"""Codes that say no. With any other one nobody knows yet, and all that waits in the lane is told to come again."""

AMENDMENTS: Final = frozenset({EntryKind.EDIT, EntryKind.RECALL, EntryKind.REACTION, EntryKind.PIN})
"""Kinds whose target must be read before they are judged."""


@dataclass(slots=True)
class Laned:
    """A draft that waits in a lane; `asked` is what the policy of the installation is being asked about it."""

    draft: Draft
    settle: Settle
    asked: "asyncio.Task[Draft] | None" = None


class Sender:
    """The entrance of drafts that devices write."""

    def __init__(
        self,
        log: Log,
        changes: Changes,
        present: Present,
        conversations: Conversations,
        appender: Appender,
        words: WordList,
        clock: Clock,
        media: MediaRights,
        screening: Screening,
        sights: Sights,
    ) -> None:
        self._log = log
        self._sights = sights
        self._media = media
        self._changes = changes
        self._present = present
        self._conversations = conversations
        self._appender = appender
        self._words = words
        self._clock = clock
        self._screening = screening
        self._lanes: dict[str, list[Laned]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether a draft would be refused because too much waits."""
        return self._appender.full

    def turn_away(self, count: int) -> None:
        """Count drafts that were refused because too much waits, before they were looked at."""
        self._appender.refused += count

    def submit(self, draft: Draft, settle: Settle) -> None:
        """Judge and append a draft; `settle` is called once, with its place or its error."""
        if self._words.on and draft.kind in SCREENED:
            draft = self._words.apply(draft)
        lane = self._lanes.get(draft.conversation_id)
        if lane is not None:
            self._join(lane, draft, settle)
            return
        conversation = self._conversations.get(draft.conversation_id)
        if conversation is None or not self._at_once(conversation, draft):
            self._open_lane(draft, settle)
            return
        self._appender.submit(Waiting(conversation, draft, settle, judged=conversation.terms))

    async def send(self, draft: Draft) -> Appended:
        """Judge and append one draft and wait for its place. Raises what `rules` refuse, and STORE_UNAVAILABLE."""
        done, settle = promise()
        self.submit(draft, settle)
        return await done

    def _at_once(self, conversation: Conversation, draft: Draft) -> bool:
        """Whether memory alone says that the draft is fine. A refusal is looked at twice: it may be a repetition."""
        if draft.with_media or draft.kind in self._screening.kinds:
            return False
        if draft.target_seq and (draft.bare or draft.kind in AMENDMENTS):
            return False
        if not self._conversations.ready_for(conversation, draft.sender_id):
            return False
        return rules.refuse(conversation, draft, self._clock.now_ms()) is None

    def _join(self, lane: list[Laned], draft: Draft, settle: Settle) -> None:
        if len(lane) >= MAX_IN_LANE:
            settle(draft, errors.exhausted(Reason.OVERLOADED, "too much waits for this conversation", retry_after=1.0))
            return
        # What is asked about it is asked at once: a lane must not be as slow as one answer after the other.
        asks = draft.kind in self._screening.kinds and draft.refusal is None
        lane.append(Laned(draft, settle, self._screening.begin(draft) if asks else None))

    def _open_lane(self, draft: Draft, settle: Settle) -> None:
        self._lanes[draft.conversation_id] = [Laned(draft, settle)]
        task = asyncio.create_task(self._drive(draft.conversation_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, conversation_id: str) -> None:
        """Take the lane's drafts one after the other; the lane closes when it is empty."""
        lane = self._lanes[conversation_id]
        try:
            while lane:
                try:
                    await self._take(lane[0])
                except MeshError as error:
                    _fail(lane, _unknown(error))
                except Exception as defect:  # noqa: BLE001 - whatever it is, those behind it get their answers
                    _give_up(lane.pop(0), defect)
                else:
                    lane.pop(0)
        finally:
            del self._lanes[conversation_id]

    async def _take(self, laned: Laned) -> None:
        """Judge the first draft of a lane and hand it on. Raises when nobody can say whether it is fine."""
        for _ in range(MAX_JUDGED):
            if await self._settled(laned):
                return
        raise Outdated

    async def _settled(self, laned: Laned) -> bool:
        """Judge a draft and hand it on, or refuse it. False: what it was judged by has changed meanwhile."""
        draft, settle = laned.draft, laned.settle
        try:
            conversation = await self._judge(draft)
            judged = conversation.terms
            if draft.with_media:
                await self._media.check(draft)
            erased = await self._amend(conversation, draft) if draft.kind in AMENDMENTS else ()
            draft = await self._without_recalled(draft) if draft.bare else draft
            passed = await self._pass(laned, draft)
            if judged != conversation.terms:
                return False
            settle = keep_pace(conversation, draft, settle, self._clock.now_ms())
        except MeshError as refusal:
            if refusal.code not in REFUSALS:
                raise
            settle(draft, await self._first_answer(draft) or refusal)
            return True
        if passed is not draft:
            if first := await self._first_answer(draft):
                settle(draft, first)
                return True
            settle = telling_of_replacement(settle)
        return await self._hand_on(Waiting(conversation, passed, settle, erased, judged))

    async def _hand_on(self, waiting: Waiting) -> bool:
        """Give it to the appender. What changes a post is waited for; False: it has to be judged again."""
        if waiting.draft.kind in AMENDMENTS:
            return await self._append(waiting)
        self._appender.submit(waiting)
        return True

    async def _pass(self, laned: Laned, draft: Draft) -> Draft:
        """The draft as those who are asked let it pass. Raises their refusal."""
        if draft.kind not in self._screening.kinds:
            return draft
        if draft is not laned.draft:  # what was asked about holds the copy that was left out
            return await self._screening.begin(draft)
        laned.asked = laned.asked or self._screening.begin(draft)
        return await laned.asked

    async def _judge(self, draft: Draft) -> Conversation:
        """The conversation, when the sender may append this draft to it; raises what `rules` refuse."""
        conversation = await self._conversations.load(draft.conversation_id)
        await self._conversations.confirm_contact(conversation, draft.sender_id)
        if not conversation.slow_mode_seconds and rules.refuse(conversation, draft, self._clock.now_ms()) is None:
            return conversation
        # What this node knows may be old: another one may have written who came, the target, or the end of slow mode.
        await self._conversations.reload(conversation)
        refusal = rules.refuse(conversation, draft, self._clock.now_ms())
        if refusal is not None:
            raise refusal
        return conversation

    async def _amend(self, conversation: Conversation, draft: Draft) -> tuple[Stored, ...]:
        """Judge what changes a post by its target; return what it erases."""
        target = await self._log.read(draft.conversation_id, draft.target_seq, draft.target_seq, 1)
        place = conversation.members.get(draft.sender_id)
        if place is None or not await self._sights.seen(place, target):
            target = []
        now = self._clock.now_ms()
        refusal = rules.refuse_amendment(conversation, draft, target[0] if target else None, now)
        if refusal is not None:
            raise refusal
        if draft.kind is EntryKind.RECALL:
            if target[0].kind is EntryKind.TOMBSTONE:
                return ()  # it goes on saying who took the post back first
            return (*target, *await edits_of(self._log, draft.conversation_id, draft.target_seq))
        await self._check_limits(draft)
        return ()

    async def _check_limits(self, draft: Draft) -> None:
        """Raise when there are as many edits, reactions or pins as there may be."""
        if draft.kind is not EntryKind.EDIT:
            await self._present.check(draft)
        elif refusal := rules.refuse_more_edits(await self._changes.edits(draft.conversation_id, draft.target_seq)):
            raise refusal

    async def _without_recalled(self, draft: Draft) -> Draft:
        """An answer to what was recalled meanwhile, without the copy of it: who took words back expects them gone."""
        found = await self._changes.at(draft.conversation_id, (draft.target_seq,))
        target = found.get(draft.target_seq)
        if target is None or target.kind is not EntryKind.TOMBSTONE:
            return draft
        known = await self._log.find((draft.key,))
        if known and known[draft.key].repeats(draft):
            return draft  # it was accepted with the copy, before the recall
        return draft._replace(content=draft.bare)

    async def _append(self, waiting: Waiting) -> bool:
        """Append and wait until it is durable: the next change must see it. False: it has to be judged again."""
        ended, outdated = asyncio.Event(), False
        answer = waiting.settle

        def settle(draft: Draft, outcome: Appended | MeshError) -> None:
            nonlocal outdated
            outdated = isinstance(outcome, Outdated)
            if not outdated:
                answer(draft, outcome)
            ended.set()

        waiting.settle = settle
        self._appender.submit(waiting)
        await ended.wait()
        return not outdated

    async def _first_answer(self, draft: Draft) -> Appended | MeshError | None:
        """What a draft was answered when it first came, if it was: what was accepted once stays accepted."""
        known = await self._log.find((draft.key,))
        return repeated(draft, known[draft.key]) if known else None


def _fail(lane: list[Laned], error: MeshError) -> None:
    """Answer all that waits: a later draft must not overtake an earlier one that will be sent again."""
    for laned in lane:
        laned.settle(laned.draft, error)
    lane.clear()  # what is being asked about them is asked to the end: the answer may be the first one for long


def _give_up(laned: Laned, defect: Exception) -> None:
    """Answer a draft over which this code stumbles, as it would again."""
    context = {"message": "a draft was refused: its judgement failed", "exception": defect}
    asyncio.get_running_loop().call_exception_handler(context)
    laned.settle(laned.draft, errors.internal(errors.Reason.INTERNAL, "internal error"))


def _unknown(error: MeshError) -> MeshError:
    """What a sender is told when nobody could say whether the draft is fine, whatever the reason: come again."""
    if error.code is Code.UNAVAILABLE and error.retry_after:
        return error
    message = "it could not be found out whether this may be written; send again with the same number"
    return errors.unavailable(Reason.SERVICE_UNAVAILABLE, message, retry_after=0.5)
