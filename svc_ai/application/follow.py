"""Follow the logs: find what an assistant is asked, in order, and let nothing go by.

A hint only says where to look. The truth is the log: what lies after the cursor is read, and the cursor passes a
question only when its answer is appended, so that neither a lost hint nor a crash loses one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mesh.clock import Clock
from mesh.turns import Turns
from svc_ai.application.answer import Answering
from svc_ai.application.gather import Gathering
from svc_ai.application.heed import Heeding
from svc_ai.domain.assistant import Assistant, may_ask
from svc_ai.domain.entry import Entry, Page, Position, is_personal
from svc_ai.domain.ports import Cursor, Cursors, Journal, Log

PAGE: Final = 500
"""Entries read at once."""

MAX_POSITIONS: Final = 10_000
"""Positions that one comparison may name; older conversations come back as unknown and cost some bytes each."""

Key = tuple[str, str]
"""Assistant and conversation."""

OF_ONE: Final = 4
"""Answers that are written for one user at a time; who asks for more waits, and nobody else for them."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How much is done at a time in this process, and how often the logs are compared without a hint."""

    answers: int = 32
    reads: int = 16
    poll_seconds: float = 5.0


class Follower:
    """Keeps one worker for each conversation that has something new; so each gets one answer at a time."""

    def __init__(
        self,
        log: Log,
        cursors: Cursors,
        answering: Answering,
        gathering: Gathering,
        heeding: Heeding,
        *,
        owns: Callable[[str], bool],
        journal: Journal,
        clock: Clock,
        workload: Workload,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        """`owns` says whether this process answers in a conversation; only one of those that are alive does."""
        self._log = log
        self._cursors = cursors
        self._answering = answering
        self._gathering = gathering
        self._heeding = heeding
        self._owns = owns
        self._journal = journal
        self._clock = clock
        self._poll_seconds = workload.poll_seconds
        self._spawn = spawn
        self._answers = Turns(at_once=workload.answers, of_one=OF_ONE)
        self._reads = asyncio.Semaphore(workload.reads)
        self._assistants: dict[str, Assistant] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._states: dict[Key, Position] = {}
        self._stopped = False

    def watch(self, assistants: Iterable[Assistant]) -> None:
        """Follow the logs of these assistants, beside those that are followed already."""
        self._assistants.update((assistant.user_id, assistant) for assistant in assistants)

    def hint(self, user_ids: Iterable[str], conversation_id: str) -> None:
        """Something may be new there for those of the users who are assistants. Hints that come together are one."""
        for user_id in user_ids:
            if user_id in self._assistants:
                self._wake((user_id, conversation_id))

    def stop(self) -> None:
        """Begin nothing more; what is being answered goes on."""
        self._stopped = True

    async def run(self) -> None:
        """Compare with the logs now and then, for ever: it finds what no hint told of."""
        while True:
            await self.poll()
            await self._clock.sleep(self._poll_seconds)

    async def poll(self) -> None:
        """Look once for conversations that have come further than the cursors."""
        for assistant_id in tuple(self._assistants):
            try:
                await self._poll(assistant_id)
            except Exception as error:  # noqa: BLE001  the next round has its turn whatever this one met
                self._journal.failed("poll", error)

    async def _poll(self, assistant_id: str) -> None:
        cursors = await self._cursors.newest(assistant_id, MAX_POSITIONS)
        known = {cursor.conversation_id: cursor.seq for cursor in cursors}
        positions = [self._position(_key(cursor), cursor.seq) for cursor in cursors]
        for state in await self._log.compare(assistant_id, positions):
            self._states[assistant_id, state.conversation_id] = state
            if state.seq > known.get(state.conversation_id, 0):
                self._wake((assistant_id, state.conversation_id))

    def _position(self, key: Key, seq: int) -> Position:
        """Where the assistant stands; receipts are repeated as they were told, so that they make no difference."""
        state = self._states.get(key)
        return Position(key[1], seq, state.read_seq, state.peer_read_seq) if state else Position(key[1], seq)

    def _mine(self, conversation_id: str) -> bool:
        return not self._stopped and self._owns(conversation_id)

    def _wake(self, key: Key) -> None:
        if is_personal(key[1]) or not self._mine(key[1]):
            return
        if key in self._working:
            self._again.add(key)
            return
        self._working.add(key)
        self._spawn(self._work(key))

    async def _work(self, key: Key) -> None:
        try:
            self._again.add(key)
            while key in self._again:
                self._again.discard(key)
                await self._catch_up(key)
        except Exception as error:  # noqa: BLE001  the next hint or poll begins at the cursor again
            self._journal.failed("follow", error)
        finally:
            self._working.discard(key)
            self._again.discard(key)

    async def _catch_up(self, key: Key) -> None:
        """Deal with all that lies after the cursor, as long as this process owns the conversation."""
        cursor = await self._cursors.load(*key)
        more = True
        while more and self._mine(key[1]):
            page = await self._read(key, cursor.seq, PAGE)
            cursor = await self._deal_with(cursor, page.entries)
            more = page.more and bool(page.entries)

    async def _deal_with(self, cursor: Cursor, entries: Sequence[Entry]) -> Cursor:
        asked = await self._asked(cursor, entries)
        for entry in entries:
            if entry.seq == cursor.begun_seq and entry not in asked:  # a process ended over it, and it is gone since
                await self._answering.withdraw(cursor.assistant_id, entry)
        for entry in asked:
            if not self._mine(cursor.conversation_id):
                return cursor
            cursor = replace(cursor, seq=entry.seq - 1)
            await self._answer(cursor, entry)
            cursor = replace(cursor, seq=entry.seq)
            await self._pass(cursor)
        if entries:
            cursor = replace(cursor, seq=entries[-1].seq)
        await self._pass(cursor)
        return cursor

    async def _pass(self, cursor: Cursor) -> None:
        """Say that the assistant has read so far, before the cursor passes it: else a crash could leave it unsaid."""
        if cursor.seq:
            await self._log.mark_read(cursor.assistant_id, cursor.conversation_id, cursor.seq)
        await self._cursors.save(cursor)

    async def _asked(self, cursor: Cursor, entries: Sequence[Entry]) -> list[Entry]:
        """What the assistant is to answer. How it behaves there is asked once for all of them."""
        key, heeding = _key(cursor), self._heeding
        posts = [entry for entry in entries if may_ask(entry, self._assistants.keys())]
        mode = await heeding.mode(*key) if posts else None
        return [] if mode is None else [one for one in posts if await heeding.is_asked(one, cursor.assistant_id, mode)]

    async def _answer(self, cursor: Cursor, entry: Entry) -> None:
        async with self._answers.of(entry.sender_id):
            async with self._reads:
                question = await self._gathering.gather(self._assistants[cursor.assistant_id], entry, entry.sender_id)
            if question is None:
                return
            attempt = cursor.attempts + 1 if cursor.begun_seq == entry.seq else 1
            # Written down before it begins, so that a question that brings the process down is noticed.
            await self._cursors.save(replace(cursor, begun_seq=entry.seq, attempts=attempt))
            await self._answering.answer(replace(question, attempt=attempt))

    async def _read(self, key: Key, after: int, limit: int) -> Page:
        async with self._reads:
            return await self._log.read(*key, after, limit)


def _key(cursor: Cursor) -> Key:
    return cursor.assistant_id, cursor.conversation_id
