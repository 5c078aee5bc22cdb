"""Messages for later: kept now, written by the usual way when their time has come.

Written once, whatever happens: a message has the number that its device gave it, so a second attempt after a crash, or
by another node, finds the first one.
"""

from collections.abc import Callable
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import Code, MeshError
from svc_message.application.agenda import Agenda
from svc_message.application.conversations import Conversations
from svc_message.application.own.change import DEVICE, number_of
from svc_message.application.send import REFUSALS, Sender
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.conversation import ConversationId, ConversationKind, DeviceId, UserId
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.notices import Notices
from svc_message.domain.ports import Delivery, Log
from svc_message.domain.reasons import Reason
from svc_message.domain.rules import unknown_conversation
from svc_message.domain.timing.schedule import (
    CLAIM_MS,
    MAX_WAITING,
    TRY_AGAIN_MS,
    Scheduled,
    Schedules,
    full,
    refuse_time,
)

DUE: Final = 100
"""Messages that are sent in one go."""

FINAL: Final = REFUSALS | {Code.ALREADY_EXISTS}
"""Codes after which a message is not tried again."""

DraftOf = Callable[[Scheduled], Draft]
"""Reads a message as its device wrote it. Raises CONTENT_NOT_ALLOWED and EMPTY_TEXT."""


class Scheduler:
    """Use cases of scheduled messages."""

    def __init__(
        self,
        schedules: Schedules,
        log: Log,
        conversations: Conversations,
        sender: Sender,
        append: ServiceAppend,
        notices: Notices,
        draft_of: DraftOf,
        deliver: Callable[[list[Delivery]], None],
        clock: Clock,
        agenda: Agenda,
    ) -> None:
        self._schedules = schedules
        self._log = log
        self._conversations = conversations
        self._sender = sender
        self._append = append
        self._notices = notices
        self._draft_of = draft_of
        self._deliver = deliver
        self._clock = clock
        self._agenda = agenda

    async def add(self, one: Scheduled) -> Scheduled:
        """Keep a post for later. What was taken before is answered as it was; see the contract for what is raised."""
        draft = self._draft_of(one)
        if draft.kind is not EntryKind.POST:
            raise errors.invalid(Reason.CONTENT_NOT_ALLOWED, "only posts can be scheduled")
        await self._check_member(one)
        if await self._was_sent(draft):
            return one
        refusal = refuse_time(one.send_at_ms, self._clock.now_ms())
        name = (one.conversation_id, one.client_message_id)
        waiting = await self._known(one.user_id, *name) if refusal else await self._schedules.add(one, MAX_WAITING)
        if waiting is None:
            if await self._was_sent(draft):  # since the first look: it waits until it is written
                return one
            raise refusal or full()
        self._agenda.note(waiting.send_at_ms)
        if not waiting.same_as(one):
            raise _conflict()
        return waiting

    async def waiting(self, user_id: UserId) -> list[Scheduled]:
        """What waits of a user, the next one first."""
        return await self._schedules.of_user(user_id)

    async def cancel(self, user_id: UserId, conversation_id: ConversationId, client_message_id: int) -> None:
        """Take one back. Raises ENTRY_NOT_FOUND when there is none, or when it is being sent."""
        one = await self._known(user_id, conversation_id, client_message_id)
        written = one is None or await self._sent(one.key)  # perhaps by who got no answer of the store, and tries again
        if written or not await self._schedules.cancel(user_id, conversation_id, client_message_id):
            raise errors.not_found(Reason.ENTRY_NOT_FOUND, "no such message waits: it was sent, or never was scheduled")

    async def send_due(self, now_ms: int) -> int | None:
        """Send those whose time has come; when the next one is due."""
        due = await self._schedules.due(now_ms, DUE)
        for one in due:
            claimed_ms = self._clock.now_ms() + CLAIM_MS
            if await self._schedules.claim(one, claimed_ms - CLAIM_MS, claimed_ms):
                await self._send(one, claimed_ms)
        return await self._schedules.next_due()

    async def _send(self, one: Scheduled, claimed_ms: int) -> None:
        try:
            draft = self._draft_of(one)
            await self._sender.send(draft)
        except MeshError as error:
            if error.code not in FINAL:
                again_ms, unwritten = self._clock.now_ms() + TRY_AGAIN_MS, error.reason != Reason.STORE_UNAVAILABLE
                await self._schedules.put_off(one, claimed_ms, again_ms, cancellable=unwritten)
                return
            await self._tell_refusal(one, error)
        else:
            await self._show(one, draft)
        await self._schedules.done(one)

    async def _show(self, one: Scheduled, draft: Draft) -> None:
        """A device does not get what it wrote itself; here it has not heard of it yet."""
        found = await self._sent(draft.key)
        if found is not None:
            self._deliver([Delivery((one.user_id,), one.conversation_id, entries=[found.entry])])

    async def _tell_refusal(self, one: Scheduled, error: MeshError) -> None:
        content = self._notices.refused(one, error)
        number = number_of(f"scheduled {one.conversation_id} {one.device_id}", one.client_message_id)
        log = ConversationId(one.user_id)
        draft = Draft(log, UserId(""), DEVICE, number, EntryKind.SCHEDULE_NOTICE, content)
        [placed] = await self._append.start([draft])
        await placed

    async def _check_member(self, one: Scheduled) -> None:
        conversation = await self._conversations.load(one.conversation_id)
        if one.user_id not in conversation.members:
            await self._conversations.reload(conversation)
        if one.user_id not in conversation.members or conversation.kind is ConversationKind.PERSONAL:
            raise unknown_conversation()

    async def _was_sent(self, draft: Draft) -> bool:
        """Whether it stands in the log. Raises MESSAGE_ID_CONFLICT where something else has its number."""
        found = await self._sent(draft.key)
        if found is not None and not found.repeats(draft):
            raise _conflict()
        return found is not None

    async def _sent(self, key: tuple[ConversationId, DeviceId, int]) -> Stored | None:
        return (await self._log.find((key,))).get(key)

    async def _known(self, user_id: UserId, *name: ConversationId | int) -> Scheduled | None:
        """What waits under this name."""
        waiting = await self._schedules.of_user(user_id)
        return next((one for one in waiting if (one.conversation_id, one.client_message_id) == name), None)


def _conflict() -> MeshError:
    return errors.already_exists(Reason.MESSAGE_ID_CONFLICT, "this client_message_id was used for another content")
