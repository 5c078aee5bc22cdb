"""Append to logs: everything that is waiting is committed at once, then all of it is answered.

There is no timer: the next batch forms while the last one is on its way to the disk, so an idle node answers after
one commit, and a busy one spreads each commit over many entries.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.conversations import Conversations
from svc_message.application.pace import keep_pace
from svc_message.application.settle import Settle
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, Seq, UserId
from svc_message.domain.entry import Appended, Draft, MembershipDelta, Row, Stored
from svc_message.domain.ports import Clash, Codec, Delivery, EntryHead, Log
from svc_message.domain.reasons import Reason

MAX_WAITING: Final = 20_000
"""Drafts that may wait for a commit; about one second of work of one core. More are refused, and nothing is lost."""

MAX_BATCH: Final = 2_048
"""Entries of one commit: beyond this the fsync no longer counts, and latency does."""

MAX_ATTEMPTS: Final = 5
"""How often a batch is numbered anew when another writer was faster."""


@dataclass(slots=True)
class Waiting:
    """A draft on its way; `erased` are the entries that a recall replaces: the post and its edits.

    `judged` drafts are of users, who must still be allowed to write when their place is given; services are trusted.
    """

    conversation: Conversation
    draft: Draft
    settle: Settle
    erased: tuple[Stored, ...] = ()
    judged: bool = False


class Run(NamedTuple):
    """Entries of one conversation that go to the same users and come from the same device, one after the other."""

    audience: tuple[UserId, ...]
    device_id: str
    entries: list[bytes]

    def goes_on(self, audience: tuple[UserId, ...], device_id: str) -> bool:
        """Whether an entry from this device for these users belongs to it."""
        return self.audience is audience and self.device_id == device_id


class Appender:
    """The one writer of the conversations that this node owns."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        conversations: Conversations,
        clock: Clock,
        deliver: Callable[[list[Delivery]], None],
    ) -> None:
        self._log = log
        self._codec = codec
        self._conversations = conversations
        self._clock = clock
        self._deliver = deliver
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no more may wait: better said before a draft is looked at than after."""
        return len(self._waiting) >= MAX_WAITING

    def submit(self, waiting: Waiting) -> None:
        """Queue a draft; its `settle` is called after the commit. Drafts of one conversation keep their order."""
        if self.full:
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
                batch, rows = self._number(batch)
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

    def _number(self, batch: list[Waiting]) -> tuple[list[Waiting], list[Row]]:
        """Give each draft the next place of its conversation; drafts of those who leave in this batch fall out."""
        now = self._clock.now_ms()
        heads: dict[str, int] = {}
        gone: set[tuple[str, str]] = set()
        kept: list[Waiting] = []
        rows: list[Row] = []
        for waiting in batch:
            draft = waiting.draft
            if waiting.judged and (_left(waiting) or (gone and (draft.conversation_id, draft.sender_id) in gone)):
                waiting.settle(draft, rules.unknown_conversation())
                continue
            seq = heads.get(draft.conversation_id, waiting.conversation.head) + 1
            heads[draft.conversation_id] = seq
            rows.append(self._row(waiting, seq, now))
            kept.append(waiting)
            if draft.members:
                gone.update((draft.conversation_id, user_id) for user_id in draft.members.removed)
        return kept, rows

    def _row(self, waiting: Waiting, seq: int, now: int) -> Row:
        draft = waiting.draft
        head = EntryHead(draft.conversation_id, seq, draft.sender_id, now, draft.client_message_id)
        entry = self._codec.entry(head, draft.content)
        return Row(_place_members(draft, seq), Seq(seq), now, entry, self._tombstones(waiting, seq))

    def _tombstones(self, waiting: Waiting, seq: int) -> tuple[tuple[Seq, bytes], ...]:
        if not waiting.erased:
            return ()
        by = waiting.draft.sender_id
        return tuple((gone.seq, self._codec.tombstone(_head_of(gone), seq, by)) for gone in waiting.erased)

    def _accept(self, batch: list[Waiting], rows: list[Row]) -> None:
        """The rows are durable: take them into memory, answer their senders, and let them be delivered."""
        runs: dict[str, Run] = {}
        deliveries: list[Delivery] = []
        for waiting, row in zip(batch, rows, strict=True):
            draft, conversation = row.draft, waiting.conversation
            conversation.head = row.seq
            audience = conversation.audience if draft.plain else _apply(conversation, draft)
            run = runs.get(draft.conversation_id)
            if run is not None and run.goes_on(audience, draft.device_id):
                run.entries.append(row.entry)
            else:
                runs[draft.conversation_id] = run = Run(audience, draft.device_id, [row.entry])
                deliveries.append(Delivery(audience, draft.conversation_id, draft.device_id, run.entries))
            waiting.settle(draft, Appended(row.seq, row.sent_at_ms))
        self._deliver(deliveries)

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
        return [waiting for waiting in rest.values() if not waiting.judged or self._may_still(waiting)]

    def _may_still(self, waiting: Waiting) -> bool:
        """Judge again what another node wrote before; who may not write any more is told."""
        conversation, draft, now = waiting.conversation, waiting.draft, self._clock.now_ms()
        refusal = rules.refuse(conversation, draft, now)
        try:
            if refusal is not None:
                raise refusal
            waiting.settle = keep_pace(conversation, draft, waiting.settle, now)
        except MeshError as error:
            waiting.settle(draft, error)
            return False
        return True

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


def overloaded() -> MeshError:
    """The answer to what comes when too much waits."""
    return errors.exhausted(Reason.OVERLOADED, "too much is waiting; send again later", retry_after=1.0)


def _left(waiting: Waiting) -> bool:
    """The sender was a member when the draft was judged, and is none any more."""
    return waiting.draft.sender_id not in waiting.conversation.members


def _head_of(stored: Stored) -> EntryHead:
    return EntryHead(stored.conversation_id, stored.seq, stored.sender_id, stored.sent_at_ms, stored.client_message_id)


def repeated(draft: Draft, stored: Stored) -> Appended | MeshError:
    """The answer to a draft whose key is taken: the place of the first time, or a conflict."""
    if stored.repeats(draft):
        return Appended(stored.seq, stored.sent_at_ms, duplicate=True, replaced=stored.replaces(draft))
    return errors.already_exists(Reason.MESSAGE_ID_CONFLICT, "this client_message_id was used for another content")


def _place_members(draft: Draft, seq: int) -> Draft:
    """Membership counts from the entry that says so; those who come see it first, or all if the group says so."""
    delta = draft.members
    if delta is None or not delta.added:
        return draft
    first = Seq(1 if delta.history_visible else seq)
    added = tuple(replace(member, join_seq=Seq(seq), first_seq=first) for member in delta.added)
    return draft._replace(members=replace(delta, added=added))


def _apply(conversation: Conversation, draft: Draft) -> tuple[UserId, ...]:
    """Take what the entry changes into memory; return who gets it: those who come and those who go included."""
    if draft.group is not None:
        _apply_group(conversation, draft)
    if draft.members is None:
        return conversation.audience
    for member in draft.members.added:
        conversation.add(member)
    _update(conversation, draft.members)
    audience = conversation.audience
    for user_id in draft.members.removed:
        conversation.remove(user_id)
    return audience


def _update(conversation: Conversation, delta: MembershipDelta) -> None:
    for member in delta.updated:
        before = conversation.members.get(member.user_id)
        if before is not None:
            conversation.add(replace(before, role=member.role, muted_until_ms=member.muted_until_ms))


def _apply_group(conversation: Conversation, draft: Draft) -> None:
    delta = draft.group
    if delta is None:
        return
    if delta.muted_all is not None:
        conversation.muted_all = delta.muted_all
    if delta.mention_all_open is not None:
        conversation.mention_all_open = delta.mention_all_open
    if delta.pin_open is not None:
        conversation.pin_open = delta.pin_open
    if delta.slow_mode_seconds is not None:
        conversation.slow_mode_seconds = delta.slow_mode_seconds
    if delta.member_receipts is not None:
        conversation.member_receipts = delta.member_receipts
