"""Append to logs: everything that is waiting is committed at once, then all of it is answered.

There is no timer: the next batch forms while the last one is on its way to the disk, so an idle node answers after
one commit, and a busy one spreads each commit over many entries.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.agenda import nothing
from svc_message.application.bots.glances import unheard
from svc_message.application.conversations import Conversations
from svc_message.application.effects import place_members, take_in
from svc_message.application.pace import keep_pace
from svc_message.application.settle import Outdated, Settle, overloaded, repeated
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, Seq, UserId
from svc_message.domain.entry import Appended, Draft, EntryKind, Row, Stored
from svc_message.domain.ports import Clash, Codec, Delivery, EntryHead, Log
from svc_message.domain.reasons import Reason

MAX_WAITING: Final = 20_000
"""Drafts that may wait for a commit; about one second of work of one core. More are refused, and nothing is lost."""

MAX_BATCH: Final = 2_048
"""Entries of one commit: beyond this the fsync no longer counts, and latency does."""

MAX_ATTEMPTS: Final = 5
"""How often a batch is numbered anew when another writer was faster."""

POST: Final = EntryKind.POST
"""Read for each message, and reading it from its class takes as long as all the rest of a comparison."""


@dataclass(slots=True)
class Waiting:
    """A draft on its way; `erased` are the entries that a recall replaces: the post and its edits.

    `judged` are the terms of the conversation by which it was allowed: a rule that is an entry holds for all that
    stands behind that entry. None: of a service, which is trusted.
    """

    conversation: Conversation
    draft: Draft
    settle: Settle
    erased: tuple[Stored, ...] = ()
    judged: int | None = None

    @property
    def changes_terms(self) -> bool:
        """Whether something that was allowed before may not be behind it: less rights, somebody or a post that is gone.

        Who comes takes nothing from anybody, so a storm of newcomers makes nobody be judged twice.
        """
        members, group = self.draft.members, self.draft.group
        if members is not None and (members.removed or members.updated):
            return True
        return bool(self.erased) or (group is not None and not group.expires_after_ms)


class Refused(NamedTuple):
    """A draft that was allowed once, and is not any more."""

    waiting: Waiting
    refusal: MeshError


class Appender:
    """The one writer of the conversations that this node owns."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        conversations: Conversations,
        clock: Clock,
        deliver: Callable[[list[Delivery]], None],
        expiring: Callable[[int], None] = nothing,
        show_bots: Callable[[list[Delivery]], None] = unheard,
    ) -> None:
        self._log = log
        self._codec = codec
        self._conversations = conversations
        self._clock = clock
        self._deliver = deliver
        self._expiring = expiring
        self._show_bots = show_bots
        self._with_bots = conversations.with_bots
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()
        self.refused = 0
        """Drafts that were refused because too much waited."""

    @property
    def waiting(self) -> int:
        """Drafts that wait for a commit."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no more may wait: better said before a draft is looked at than after."""
        return len(self._waiting) >= MAX_WAITING

    def submit(self, waiting: Waiting) -> None:
        """Queue a draft; its `settle` is called after the commit. Drafts of one conversation keep their order."""
        if len(self._waiting) >= MAX_WAITING:
            self.refused += 1
            waiting.settle(waiting.draft, overloaded())
            return
        self._waiting.append(waiting)
        self._wake.set()

    async def run(self) -> None:
        """Commit what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._commit(batch)

    async def _commit(self, batch: list[Waiting]) -> None:
        try:
            await self._reload(waiting.conversation for waiting in batch if waiting.conversation.stale)
            for _ in range(MAX_ATTEMPTS):
                now = self._clock.now_ms()
                batch, refused = self._judge(batch, now)
                rows = self._number(batch, now)
                if refused:
                    await self._refuse(refused)
                batch = batch[await self._try(batch, rows) :]
                if not batch:
                    return
                batch = await self._settle_known(batch)
            raise errors.unavailable(Reason.STORE_UNAVAILABLE, "other writers were faster; send again", retry_after=0.1)
        except MeshError as error:
            self._fail(batch, error)

    async def _try(self, batch: list[Waiting], rows: list[Row]) -> int:
        """Append the rows and accept those that the store took; return how many."""
        try:
            await self._log.append(rows)
            stored = len(rows)
        except Clash as clash:
            stored = clash.stored
        self._accept(batch[:stored], rows[:stored])
        return stored

    def _judge(self, batch: list[Waiting], now_ms: int) -> tuple[list[Waiting], list[Refused]]:
        """Part what may be written from what is refused by what was written since.

        What is judged by an entry of this very batch waits for the next one: by then that entry is in memory.
        """
        changed: set[str] = set()
        kept, refused, behind = list[Waiting](), list[Refused](), list[Waiting]()
        for waiting in batch:
            draft = waiting.draft
            if changed and waiting.judged is not None and draft.conversation_id in changed:
                behind.append(waiting)
            elif waiting.judged != waiting.conversation.terms and (refusal := self._refusal(waiting, now_ms)):
                refused.append(Refused(waiting, refusal))
            else:
                kept.append(waiting)
                if draft.kind is not POST and waiting.changes_terms:
                    changed.add(draft.conversation_id)
        self._waiting[:0] = behind
        return kept, refused

    def _refusal(self, waiting: Waiting, now_ms: int) -> MeshError | None:
        """Judge again by the terms that hold now. What copies or changes another entry has to be read anew for that."""
        conversation, draft = waiting.conversation, waiting.draft
        if waiting.judged is None:
            return None
        if draft.kind is not POST or draft.bare:
            return Outdated()
        if refusal := rules.refuse(conversation, draft, now_ms):
            return refusal
        try:
            waiting.settle = keep_pace(conversation, draft, waiting.settle, now_ms)
        except MeshError as too_early:
            return too_early
        waiting.judged = conversation.terms
        return None

    async def _refuse(self, refused: list[Refused]) -> None:
        """Tell who may not write any more; what was accepted once stays accepted.

        Raises when nobody knows what was: then the batch fails too, whose drafts would overtake what comes again.
        """
        try:
            known = await self._log.find({one.waiting.draft.key for one in refused})
        except MeshError as error:
            self._fail([one.waiting for one in refused], error)
            raise
        for waiting, refusal in refused:
            first = known.get(waiting.draft.key)
            waiting.settle(waiting.draft, repeated(waiting.draft, first) if first else refusal)

    def _number(self, batch: list[Waiting], now_ms: int) -> list[Row]:
        """Give each draft the next place of its conversation."""
        heads: dict[str, int] = {}
        rows: list[Row] = []
        for waiting in batch:
            id_ = waiting.draft.conversation_id
            heads[id_] = seq = heads.get(id_, waiting.conversation.head) + 1
            rows.append(self._row(waiting, seq, now_ms))
        return rows

    def _row(self, waiting: Waiting, seq: int, now_ms: int) -> Row:
        draft = waiting.draft
        head = EntryHead(draft.conversation_id, seq, draft.sender_id, now_ms, draft.client_message_id)
        entry = self._codec.entry(head, draft.content)
        tombstones = self._tombstones(waiting, seq) if waiting.erased else ()
        return Row(place_members(draft, seq), Seq(seq), now_ms, entry, tombstones)

    def _tombstones(self, waiting: Waiting, seq: int) -> tuple[tuple[Seq, bytes], ...]:
        by = waiting.draft.sender_id
        return tuple((gone.seq, self._codec.tombstone(_head_of(gone), seq, by)) for gone in waiting.erased)

    def _accept(self, batch: list[Waiting], rows: list[Row]) -> None:
        """The rows are durable: take them into memory, answer their senders, and let them be delivered."""
        runs: dict[str, tuple[Delivery, list[bytes]]] = {}
        deliveries: list[Delivery] = []
        for waiting, row in zip(batch, rows, strict=True):
            draft, conversation = row.draft, waiting.conversation
            conversation.head = row.seq
            audience = conversation.audience if draft.plain and not row.tombstones else self._apply(waiting, row)
            run = runs.get(draft.conversation_id)
            if run is not None and run[0].goes_on(audience, draft.device_id):
                run[1].append(row.entry)
            else:
                entries = [row.entry]
                delivery = Delivery(audience, draft.conversation_id, draft.device_id, entries)
                runs[draft.conversation_id] = delivery, entries
                deliveries.append(delivery)
            waiting.settle(draft, Appended(row.seq, row.sent_at_ms))
        if self._with_bots and not self._with_bots.isdisjoint(runs):  # by batch: most messages have no bot beside them
            self._show_bots(deliveries)
        self._deliver(deliveries)

    def _apply(self, waiting: Waiting, row: Row) -> tuple[UserId, ...]:
        """Take in what changes more than the head; that a post destroys itself is said to whoever sees to it."""
        if row.draft.group is not None and row.draft.group.expires_after_ms:
            self._expiring(row.sent_at_ms + row.draft.group.expires_after_ms)
        if waiting.changes_terms:
            waiting.conversation.terms += 1
        return take_in(waiting.conversation, row)

    async def _settle_known(self, batch: list[Waiting]) -> list[Waiting]:
        """After a clash: answer what the store has already, and return the rest, in order, for another attempt."""
        known = await self._log.find({waiting.draft.key for waiting in batch})
        rest: dict[object, Waiting] = {}
        twins: list[Waiting] = []
        for waiting in batch:
            key = waiting.draft.key
            if key in known:
                waiting.settle(waiting.draft, repeated(waiting.draft, known[key]))
            elif rest.setdefault(key, waiting) is not waiting:
                twins.append(waiting)
        self._waiting[:0] = twins
        await self._reload(waiting.conversation for waiting in batch)
        return list(rest.values())

    def _fail(self, batch: list[Waiting], error: MeshError) -> None:
        """The store did not answer: nothing is known, so each sender is told to send again with the same id.

        What waits behind them in the same conversations fails with them, so that it cannot overtake.
        """
        for waiting in batch:
            waiting.conversation.stale = True
        behind = [waiting for waiting in self._waiting if waiting.conversation.stale]
        self._waiting = [waiting for waiting in self._waiting if not waiting.conversation.stale]
        for waiting in (*batch, *behind):
            waiting.settle(waiting.draft, error)

    async def _reload(self, conversations: Iterable[Conversation]) -> None:
        for conversation in {id(conversation): conversation for conversation in conversations}.values():
            await self._conversations.reload(conversation)


def _head_of(stored: Stored) -> EntryHead:
    return EntryHead(stored.conversation_id, stored.seq, stored.sender_id, stored.sent_at_ms, stored.client_message_id)
