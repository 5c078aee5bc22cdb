"""Change what a user has of a conversation, and tell their devices by an entry of their personal log.

The record is kept first, with the time when it is to be told; then the entry is appended, and that is noted. Whoever
dies in between leaves a record that is due: `tell_due` tells it. The entry has a number that its version makes, so
telling twice changes nothing.
"""

import hashlib
from dataclasses import replace
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.agenda import Agenda
from svc_message.application.changes import changes_of
from svc_message.application.service_append import ServiceAppend
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.places import Veiled
from svc_message.domain import own as rules
from svc_message.domain.conversation import ConversationId, ConversationKind, DeviceId, UserId, kind_of
from svc_message.domain.entry import Draft, EntryKind
from svc_message.domain.notices import Notices
from svc_message.domain.own import Change, Moment, Own, Owns, OwnSettings
from svc_message.domain.ports import Log, Members, UnreadAsk
from svc_message.domain.push.quiet import QuietHours, QuietStore, zone
from svc_message.domain.reasons import Reason
from svc_message.domain.rules import unknown_conversation

ATTEMPTS: Final = 10
"""How often a change is made anew when another device was faster."""

MAX_CHANGES: Final = 500
"""Edits and the like of the hidden entries, which are hidden with them."""

DUE: Final = 100
"""Records whose devices are told in one go."""

DEVICE: Final = DeviceId("message")
"""Who appends the entries; their numbers are unique for it."""


class OwnStates:
    """Use cases of one user and one conversation."""

    def __init__(
        self,
        owns: Owns,
        quiet: QuietStore,
        log: Log,
        members: Members,
        memory: Memory,
        append: ServiceAppend,
        notices: Notices,
        clock: Clock,
        agenda: Agenda,
    ) -> None:
        self._owns = owns
        self._quiet = quiet
        self._log = log
        self._members = members
        self._memory = memory
        self._append = append
        self._notices = notices
        self._clock = clock
        self._agenda = agenda

    async def configure(
        self, user_id: UserId, conversation_id: ConversationId, wanted: OwnSettings, fields: frozenset[str]
    ) -> tuple[Own, int]:
        """Take the named fields; return the record, and how far the conversation is read.

        Raises CONVERSATION_NOT_FOUND, and NOT_ALLOWED for the personal log.
        """
        moment = await self._moment(user_id, conversation_id)
        own = await self._change(user_id, conversation_id, rules.configure(wanted, fields, moment), moment)
        return own, moment.read_seq

    async def hide(self, user_id: UserId, conversation_id: ConversationId, seqs: frozenset[int]) -> None:
        """Hide entries. Raises CONVERSATION_NOT_FOUND, NOT_ALLOWED, RANGE_INVALID and HIDDEN_LIMIT_REACHED."""
        moment = await self._moment(user_id, conversation_id)
        if max(seqs) > moment.head or min(seqs) < moment.first_seq:
            message = f"you can see seqs from {moment.first_seq} to {moment.head}"
            raise errors.out_of_range(Reason.RANGE_INVALID, message)
        together = seqs | await changes_of(self._log, conversation_id, seqs, MAX_CHANGES)
        await self._change(user_id, conversation_id, rules.hide(together, moment), moment)

    async def clear(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """Hide all that there is by now. Raises CONVERSATION_NOT_FOUND and NOT_ALLOWED."""
        moment = await self._moment(user_id, conversation_id)
        await self._change(user_id, conversation_id, rules.clear(moment), moment)

    async def quiet_hours(self, user_id: UserId) -> QuietHours:
        """When the user does not want to be disturbed."""
        return (await self._quiet.of_users([user_id])).get(user_id, QuietHours())

    async def set_quiet_hours(self, user_id: UserId, hours: QuietHours) -> QuietHours:
        """Replace them, and tell the devices. Raises INVALID_REQUEST for a time zone that there is not."""
        zone(hours.time_zone)
        kept = await self._quiet.set(user_id, hours)
        number = number_of("quiet hours", kept.version)
        await self._note(user_id, number, EntryKind.CONVERSATION_NOTICE, self._notices.quiet())
        return kept

    async def tell_due(self, now_ms: int) -> int | None:
        """Tell devices what they are to be told by now; when there is more to tell."""
        due = await self._owns.due(now_ms, DUE)
        for own in due:
            await self._tell(own)
        return await self._owns.next_due()

    async def _moment(self, user_id: UserId, conversation_id: ConversationId) -> Moment:
        kind = kind_of(conversation_id)
        place = await self._members.one(conversation_id, user_id) if kind else None
        if place is None:
            raise unknown_conversation()
        if kind is ConversationKind.PERSONAL:
            raise errors.denied(Reason.NOT_ALLOWED, "the personal log has no settings, and nothing of it can be hidden")
        heads = await self._log.heads((conversation_id,))
        last = place.last_visible(heads[conversation_id])
        return Moment(self._clock.now_ms(), last, place.read_seq, place.first_seq)

    async def _change(self, user_id: UserId, conversation_id: ConversationId, change: Change, moment: Moment) -> Own:
        for _ in range(ATTEMPTS):
            before = await self._owns.one(user_id, conversation_id)
            awake = await self._awake(before, moment)
            own = change(awake)
            if own is awake:
                return own
            if await self._keep(own, before):
                self._note_due(own)
                if rules.more_than_draft(before, own):
                    await self._tell_now(own)
                return own
        raise errors.unavailable(Reason.STORE_UNAVAILABLE, "other devices were faster; try again", retry_after=0.1)

    async def _awake(self, own: Own, moment: Moment) -> Own:
        """The record without the archive, when the log says that the conversation came back from there."""
        if own.archived_at < 0 or own.muted_until_ms > moment.now_ms:
            return own
        after = max(own.archived_at, moment.first_seq - 1)
        ask = UnreadAsk(own.conversation_id, after, moment.head, own.veil.hidden)
        [behind] = await self._members.unread(own.user_id, [ask], 1)
        return replace(own, archived_at=-1) if behind.posts else own

    async def _keep(self, own: Own, before: Own) -> bool:
        """Keep a record, and remember what it hides before anybody hears of it."""
        try:
            kept = await self._owns.put(own, before)
        except BaseException:
            self._memory.forget()
            raise
        if kept and own.veil != rules.OPEN:
            self._memory.veiled(Veiled(own.user_id, own.conversation_id, own.veil))
        return kept

    async def _tell_now(self, own: Own) -> None:
        """Tell at once; if that fails now, it stays due. Drafts are told by the sweep alone, at their pace."""
        try:
            await self._tell(own)
        except MeshError:
            return

    async def _tell(self, own: Own) -> None:
        content = self._notices.own(own, archived=own.archived_at >= 0)
        number = number_of(own.conversation_id, own.version)
        await self._note(own.user_id, number, EntryKind.CONVERSATION_NOTICE, content)
        for _ in range(ATTEMPTS):
            heard = rules.heard(await self._owns.one(own.user_id, own.conversation_id), own, self._clock.now_ms())
            if await self._owns.renew(heard):
                self._note_due(heard)
                return
        # Changing all the time: it stays due, and is told again.

    def _note_due(self, own: Own) -> None:
        if own.tell_at_ms:
            self._agenda.note(own.tell_at_ms)

    async def _note(self, user_id: UserId, number: int, kind: EntryKind, content: bytes) -> None:
        draft = Draft(ConversationId(user_id), UserId(""), DEVICE, number, kind, content)
        [placed] = await self._append.start([draft])
        await placed


def number_of(name: str, version: int) -> int:
    """The number of a notice: made of what it is about, so that it is the same whoever tells it."""
    digest = hashlib.blake2b(f"{name}\n{version}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 1) or 1
