"""What became of single posts: their edits, reactions and pins, for who may see them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from svc_message.application.reading.history import Histories
from svc_message.application.reading.present import Present
from svc_message.application.sync.catch_up import MAX_BYTES, within
from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.posts.changes import Changes
from svc_message.domain.posts.reactions import Given

OF_POSTS = frozenset({EntryKind.POST, EntryKind.TOMBSTONE})


class PostRef(NamedTuple):
    """A post, and who asks about it."""

    user_id: UserId
    conversation_id: ConversationId
    seq: Seq


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries, the newest edits of those that were edited, and what to give for the next page; 0: there is none."""

    entries: list[Stored]
    next: int = 0
    amendments: list[Stored] = field(default_factory=list)


class Posts:
    """Reads about posts. Whoever may not see one is told that it is not there."""

    def __init__(self, histories: Histories, changes: Changes, present: Present) -> None:
        self._histories = histories
        self.sights = histories.sights
        self._changes = changes
        self._present = present

    async def one(self, ref: PostRef) -> tuple[Membership, Stored]:
        """The post, or its tombstone, and the place of who asks. CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND."""
        place, veil = await self._histories.seen(ref.user_id, ref.conversation_id)
        if ref.seq in veil.hidden or not place.first_seq <= ref.seq <= place.last_visible(ref.seq):
            raise rules.unseen()
        post = (await self._changes.at(ref.conversation_id, (ref.seq,))).get(ref.seq)
        seen = await self.sights.seen(place, [post] if post is not None and post.kind in OF_POSTS else [])
        if not seen:
            raise rules.unseen()
        return place, seen[0]

    async def edits(self, ref: PostRef, after: int, size: int) -> EntryPage:
        """The post and its edits after a seq, oldest first; of a recalled one the tombstone alone."""
        place, post = await self.one(ref)
        if post.kind is EntryKind.TOMBSTONE:
            return EntryPage([post])
        found = await self._changes.about(
            ref.conversation_id, ref.seq, ref.seq, EntryKind.EDIT, after=after, limit=size + 1
        )
        every = [*([] if after else [post]), *(one for one in found if one.seq <= place.last_visible(one.seq))]
        page = within(every[:size], MAX_BYTES)
        return EntryPage(page, page[-1].seq if len(page) < len(every) else 0)

    async def reactions(self, ref: PostRef, before: int, size: int) -> tuple[list[Given], int]:
        """The reactions before a seq (0: all), newest first, and what to give for the next page."""
        place, post = await self.one(ref)
        if post.kind is EntryKind.TOMBSTONE:
            return [], 0
        every = await self._present.reactions(ref.conversation_id, ref.seq, up_to=place.left_seq)
        found = [one for one in list(every)[::-1] if not before or one.seq < before]
        return found[:size], found[size - 1].seq if len(found) > size else 0

    async def pins(self, user_id: UserId, conversation_id: ConversationId, before: int, size: int) -> EntryPage:
        """The pinned posts, the one pinned last first. CONVERSATION_NOT_FOUND."""
        place, veil = await self._histories.seen(user_id, conversation_id)
        every = await self._present.pinned(place, conversation_id)
        shown = {one.seq: one for one in await self.sights.seen(place, [post for _, post in every])}
        found = [
            (seq, shown[post.seq])
            for seq, post in every
            if (not before or seq < before) and post.seq in shown and post.seq not in veil.hidden
        ]
        page = within([post for _, post in found[:size]], MAX_BYTES)
        following = found[len(page) - 1][0] if len(found) > len(page) else 0
        return EntryPage(page, following, await self.newest_edits(place, conversation_id, [one.seq for one in page]))

    async def newest_edits(
        self, place: Membership, conversation_id: ConversationId, posts: Collection[Seq]
    ) -> list[Stored]:
        """The newest edit of each of the posts that this member may see, oldest first."""
        found = [await self._newest_edit(place, conversation_id, seq) for seq in posts]
        return sorted((one for one in found if one is not None), key=lambda one: one.seq)

    async def _newest_edit(self, place: Membership, conversation_id: ConversationId, seq: Seq) -> Stored | None:
        up_to = place.left_seq or rules.NO_END
        edits: Sequence[Stored] = await self._changes.latest(conversation_id, seq, seq, (EntryKind.EDIT,), up_to=up_to)
        return edits[0] if edits else None
