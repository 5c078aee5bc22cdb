"""What bots are shown, for all that reads a log: the rule of `domain.posts.addressed` with what it has to look up.

Entries of a page come together: what they are about is read in one look at the log, and what that answers in another.
For whoever is no bot nothing is read, and nothing copied.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from svc_message.domain.conversation import ConversationId, Membership, UserId
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.ports import Codec
from svc_message.domain.posts.addressed import Address, Addressing, Eyes, Known, Shown, eyes_of, shown
from svc_message.domain.posts.changes import Changes

STEPS: Final = 2
"""From a change to its post, and from there to what that answers."""


class Sights:
    """Shows members what they may see of entries that stand in their reach."""

    def __init__(self, changes: Changes, addressing: Addressing, codec: Codec) -> None:
        self._changes = changes
        self._addressing = addressing
        self._codec = codec

    async def entries(self, eyes: Eyes, conversation_id: ConversationId, entries: Sequence[bytes]) -> Sequence[bytes]:
        """Encoded entries as this one gets them, a placeholder for each that is not shown. UNAVAILABLE."""
        if not eyes.addressed_before or not entries:
            return entries
        return (await self.for_each([eyes], conversation_id, entries))[0]

    async def for_each(
        self, eyes: Collection[Eyes], conversation_id: ConversationId, entries: Sequence[bytes]
    ) -> list[list[bytes]]:
        """The same for several bots, in their order, after one look for all of them."""
        said = [self._addressing.of(entry) for entry in entries]
        known = await self._known(conversation_id, said)
        return [
            [self._as_shown(one, conversation_id, *pair, known) for pair in zip(said, entries, strict=True)]
            for one in eyes
        ]

    async def page(self, place: Membership, page: list[Stored]) -> list[Stored]:
        """Entries of one conversation as this member gets them, of the kind HIDDEN where one is not shown."""
        if not place.addressed_before or not page:
            return page
        seen = await self.entries(eyes_of(place), page[0].conversation_id, [one.entry for one in page])
        return [self._stored(one, entry) for one, entry in zip(page, seen, strict=True)]

    async def seen(self, place: Membership, entries: list[Stored]) -> list[Stored]:
        """Those of the entries of one conversation that this member is shown, as they are shown."""
        return [one for one in await self.page(place, entries) if one.kind is not EntryKind.HIDDEN]

    async def without_blind(self, members: Sequence[Membership], post: Stored) -> list[Membership]:
        """Those of the members who are shown a post."""
        bots = [eyes_of(one) for one in members if one.addressed_before]
        seen = await self.for_each(bots, post.conversation_id, [post.entry]) if bots else []
        hidden = self._codec.hidden(post.conversation_id, post.seq)
        blind = {one.user_id for one, (entry,) in zip(bots, seen, strict=True) if entry == hidden}
        return [one for one in members if one.user_id not in blind]

    def mentions(self, user_id: UserId, post: Stored) -> bool:
        """Whether a post addresses this user, or all."""
        return self._addressing.of(post.entry).mentioned(user_id)

    async def _known(self, conversation_id: ConversationId, said: Sequence[Address]) -> Known:
        known: dict[int, Address] = {one.seq: one for one in said}
        asked = set(known)
        for _ in range(STEPS):
            absent = {one.about for one in known.values() if one.about} - asked
            if not absent:
                break
            found = await self._changes.at(conversation_id, absent)
            known |= {seq: self._addressing.of(stored.entry) for seq, stored in found.items()}
            asked |= absent
        return known

    def _as_shown(
        self, eyes: Eyes, conversation_id: ConversationId, said: Address, entry: bytes, known: Known
    ) -> bytes:
        match shown(eyes, said, known):
            case Shown.WHOLE:
                return entry
            case Shown.WITHOUT_COPY:
                return self._addressing.without_copy(entry)
        return self._codec.hidden(conversation_id, said.seq)

    def _stored(self, stored: Stored, entry: bytes) -> Stored:
        if entry is stored.entry:
            return stored
        hidden = self._addressing.of(entry).kind is EntryKind.HIDDEN
        return replace(stored, kind=EntryKind.HIDDEN if hidden else stored.kind, entry=entry)
