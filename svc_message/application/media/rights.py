"""Who may fetch a media, and who may refer to one in a message."""

from collections.abc import Sequence
from typing import Final

from svc_message.application.bots.sights import Sights
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId, kind_of
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import Media, MediaState, MediaUse, Purpose, Reference
from svc_message.domain.media.ports import MediaRecords, MediaUses
from svc_message.domain.ports import Log, Members
from svc_message.domain.rules import NO_END

MAX_AMENDMENTS: Final = 500
"""Changes of a post that are looked at for the media that it shows by now."""


class MediaRights:
    """Decides by the log and the members as they are now: nothing is remembered that a kick or a recall would undo."""

    def __init__(self, records: MediaRecords, log: Log, members: Members, uses: MediaUses, sights: Sights) -> None:
        self._sights = sights
        self._records = records
        self._log = log
        self._members = members
        self._uses = uses

    async def fetched(self, user_id: UserId, media_id: str, reference: Reference | None) -> Media:
        """The media, when this user may fetch it; raises MEDIA_NOT_FOUND, the same for what is not there.

        What is shown was there: when nothing is known of it any more, who may see the entry is told that it is gone.
        """
        media = await self._records.find(media_id)
        if media is not None and media.complete and (media.owner_id == user_id or _public(media)):
            return media
        if reference is None or not await self._shown(user_id, reference, frozenset({media_id})):
            raise media_rules.unknown_media()
        return media if media is not None and media.complete else media_rules.forgotten(media_id)

    async def check(self, draft: Draft) -> None:
        """Return when the sender may refer to the media in a draft: all are their own, or shown where it comes from.

        Without this, whoever learns an id could open a media to themselves by posting it. What a forward names, and
        what an edit changes, is an entry that the sender may see now and that shows the media.
        Raises MEDIA_NOT_FOUND, MEDIA_NOT_READY, MEDIA_WRONG_PURPOSE, UNAVAILABLE.
        """
        use = self._uses.of(draft.content)
        source = _source(draft, use)
        shown = await self._shown(draft.sender_id, source, use.media_ids) if source else frozenset()
        for media_id in sorted(use.media_ids):
            media = await self._records.find(media_id)
            refusal = media_rules.refuse_use(media, draft.sender_id, shown=media_id in shown)
            if refusal is not None:
                raise refusal

    async def check_avatar(self, user_id: UserId, media_id: str) -> None:
        """Return when a user may take a media as the picture of a profile or group.

        Raises MEDIA_NOT_FOUND, MEDIA_NOT_READY, MEDIA_WRONG_PURPOSE, UNAVAILABLE.
        """
        refusal = media_rules.refuse_avatar(await self._records.find(media_id), user_id)
        if refusal is not None:
            raise refusal

    async def _shown(self, user_id: UserId, reference: Reference, wanted: frozenset[str]) -> frozenset[str]:
        """Which of these media an entry, or an edit of it, shows to a user who is a member and may see it now."""
        conversation_id, seq = reference.conversation_id, reference.seq
        place = await self._place(user_id, conversation_id, seq) if wanted else None
        entries = await self._log.read(conversation_id, seq, seq, 1) if place is not None else []
        if place is None or (place.addressed_before and not await self._sights.seen(place, entries)):
            return frozenset()
        shown = wanted & self._media(entries)
        if shown != wanted:
            shown |= wanted & self._media(await self._log.amendments(conversation_id, seq, seq, MAX_AMENDMENTS))
        return shown

    def _media(self, entries: Sequence[Stored]) -> frozenset[str]:
        return frozenset().union(*(self._uses.of(one.entry).media_ids for one in entries))

    async def _place(self, user_id: UserId, conversation_id: ConversationId, seq: Seq) -> Membership | None:
        """The place of a member in whose reach this entry is, or of who was one when the group ended."""
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None or not place.first_seq <= seq <= (place.left_seq or NO_END):
            return None
        return place if place.present or await self._ended(conversation_id, place.left_seq) else None

    async def _ended(self, conversation_id: ConversationId, left_seq: Seq) -> bool:
        """Whether this entry ended the group for all, and so shut nobody out of what they had."""
        entries = await self._log.read(conversation_id, left_seq, left_seq, 1)
        return any(self._uses.ends_all(one.entry) for one in entries)


def _public(media: Media) -> bool:
    return media.claim.purpose is Purpose.AVATAR and media.state is MediaState.READY


def _source(draft: Draft, use: MediaUse) -> Reference | None:
    """The entry that a draft takes media from."""
    if draft.kind is EntryKind.EDIT:
        return Reference(draft.conversation_id, draft.target_seq)
    return use.forwarded_from
