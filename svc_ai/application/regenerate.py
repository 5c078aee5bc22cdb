"""Regenerate: have a question answered anew, as a new entry, whatever happens to this process meanwhile."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_ai.application.assistants import Assistants
from svc_ai.application.cancel import Running
from svc_ai.application.heed import Heeding
from svc_ai.application.renew import HOLD_MS, Renewing, reply_of
from svc_ai.application.usage import Metering
from svc_ai.domain.assistant import Assistant, may_ask
from svc_ai.domain.entry import Entry, EntryKind, is_direct
from svc_ai.domain.place import Place, governs, role_required, unknown_conversation
from svc_ai.domain.ports import Cursors
from svc_ai.domain.reading import Histories, People, Stretch
from svc_ai.domain.reasons import Reason
from svc_ai.domain.renewal import Renewal, Renewals
from svc_ai.domain.requests import Answered, Request, Requests, same


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to answer anew: the question, or an answer to it."""

    request_id: str
    conversation_id: str
    seq: int


class Regenerating:
    """Takes what is asked for into the store, and lets it be written."""

    def __init__(
        self,
        assistants: Assistants,
        histories: Histories,
        people: People,
        requests: Requests,
        renewals: Renewals,
        *,
        cursors: Cursors,
        running: Running,
        heeding: Heeding,
        renewing: Renewing,
        metering: Metering,
        clock: Clock,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._assistants = assistants
        self._histories = histories
        self._people = people
        self._requests = requests
        self._renewals = renewals
        self._cursors = cursors
        self._running = running
        self._heeding = heeding
        self._renewing = renewing
        self._metering = metering
        self._clock = clock
        self._spawn = spawn

    async def regenerate(self, user_id: str, wanted: Wanted) -> str:
        """The id of the new reply, which is on its way; the first one for who repeats a request.

        Raises CONVERSATION_NOT_FOUND, REPLY_NOT_FOUND, ROLE_REQUIRED, REPLY_IN_PROGRESS, CONTACT_BLOCKED_BY_YOU, MUTED,
        BUDGET_EXHAUSTED and REQUEST_ID_REUSED.
        """
        place = await self._histories.place(user_id, wanted.conversation_id)
        if not place.present:
            raise unknown_conversation()
        request = Request(user_id, wanted.request_id, _digest(wanted))
        found = await self._requests.find(user_id, wanted.request_id, self._clock.now_ms())
        if found is not None:
            return same(request, found).decode()
        question, assistant = await self._question(user_id, wanted)
        await self._check_asker(user_id, place, question, assistant)
        await self._metering.check(user_id)
        reply_id = await self._begin(user_id, wanted.request_id, question, assistant)
        kept = await self._requests.keep(Answered(request, reply_id.encode(), self._clock.now_ms()))
        return same(request, kept).decode()

    async def _question(self, user_id: str, wanted: Wanted) -> tuple[Entry, Assistant]:
        """The post that is to be answered again, and who is to answer it."""
        entry = await self._entry(user_id, wanted.conversation_id, wanted.seq)
        if entry.kind is not EntryKind.REPLY:
            return entry, await self._asked(entry)
        assistant = self._assistants.find(entry.sender_id)
        if assistant is None:
            raise _nothing()
        return await self._entry(user_id, wanted.conversation_id, entry.target_seq), assistant

    async def _entry(self, user_id: str, conversation_id: str, seq: int) -> Entry:
        history = await self._histories.read(user_id, Stretch(conversation_id, seq, seq, 1))
        for entry in history.entries:
            if entry.seq == seq and entry.kind in (EntryKind.POST, EntryKind.REPLY):
                return entry
        raise _nothing()

    async def _asked(self, entry: Entry) -> Assistant:
        """The assistant that this post asks."""
        for assistant_id in sorted(self._assistants.ids) if may_ask(entry, self._assistants.ids) else ():
            assistant = self._assistants.find(assistant_id)
            if assistant is not None and await self._asks(entry, assistant_id):
                return assistant
        raise _nothing()

    async def _asks(self, entry: Entry, assistant_id: str) -> bool:
        if is_direct(entry.conversation_id) and assistant_id not in entry.conversation_id.split("-"):
            return False
        mode = await self._heeding.mode(assistant_id, entry.conversation_id)
        return await self._heeding.is_asked(entry, assistant_id, mode)

    async def _check_asker(self, user_id: str, place: Place, question: Entry, assistant: Assistant) -> None:
        if not may_ask(question, self._assistants.ids):
            raise _nothing()
        if question.sender_id != user_id and not governs(question.conversation_id, place):
            raise role_required()
        await self._check_assistant(user_id, question.conversation_id, assistant.user_id)

    async def _check_assistant(self, user_id: str, conversation_id: str, assistant_id: str) -> None:
        """Raise where the assistant could not write its answer: nobody would hear of it any more."""
        if is_direct(conversation_id):
            if not await self._people.is_reached_by(user_id, assistant_id):
                raise errors.precondition(Reason.CONTACT_BLOCKED_BY_YOU, "you blocked this assistant: unblock it first")
        elif (await self._histories.place(assistant_id, conversation_id)).silenced:
            raise errors.precondition(Reason.MUTED, "the assistant may not write in this group at present")

    async def _begin(self, user_id: str, request_id: str, question: Entry, assistant: Assistant) -> str:
        key = (assistant.user_id, question.conversation_id, question.seq)
        before = await self._renewals.find(*key)
        if before is not None and (before.asked_by, before.request_id) == (user_id, request_id):
            return reply_of(before).id  # a process ended between the two writes
        number = before.number + 1 if before else 1
        renewal = Renewal(*key, number, user_id, request_id, self._clock.now_ms() + HOLD_MS)
        if await self._is_under_way(renewal, before) or not await self._renewals.begin(renewal):
            return await self._same_or_refused(renewal)
        self._running.begin(reply_of(renewal))  # whoever knows its id may stop it, also while others are written first
        self._spawn(self._renewing.write(renewal))
        return reply_of(renewal).id

    async def _is_under_way(self, renewal: Renewal, before: Renewal | None) -> bool:
        """Whether the question is being answered, by whatever node, or is about to be."""
        here = self._running.of_conversation(renewal.conversation_id)
        if any(live.reply.in_reply_to_seq == renewal.seq for live in here):
            return True
        if before is not None and not before.done:
            return not await self._is_ended(before)
        cursor = await self._cursors.load(renewal.assistant_id, renewal.conversation_id)
        return cursor.seq < renewal.seq and not await self._is_written(replace(renewal, number=0))

    async def _is_ended(self, before: Renewal) -> bool:
        """Whether it has come to its end although that is not written down yet; it is then."""
        written = await self._is_written(before)
        if written:
            await self._renewals.end(before)
        return written

    async def _is_written(self, renewal: Renewal) -> bool:
        """Whether the answer is among the newest entries: whoever sees it may ask for another one at once."""
        newest = Stretch(renewal.conversation_id, descending=True)
        reply_id = reply_of(renewal).id
        return any(
            one.reply_id == reply_id for one in (await self._histories.read(renewal.assistant_id, newest)).entries
        )

    async def _same_or_refused(self, renewal: Renewal) -> str:
        """The reply that the same request began meanwhile. Raises REPLY_IN_PROGRESS where it is another one."""
        found = await self._renewals.find(renewal.assistant_id, renewal.conversation_id, renewal.seq)
        if found is None or (found.asked_by, found.request_id) != (renewal.asked_by, renewal.request_id):
            raise errors.precondition(
                Reason.REPLY_IN_PROGRESS, "this is being answered: wait for the answer, or cancel it"
            )
        return reply_of(found).id


def _nothing() -> MeshError:
    return errors.not_found(Reason.REPLY_NOT_FOUND, "there is no message here that an assistant answers")


def _digest(wanted: Wanted) -> bytes:
    asked = ["reply", wanted.request_id, wanted.conversation_id, wanted.seq]
    return hashlib.sha256(json.dumps(asked).encode()).digest()
