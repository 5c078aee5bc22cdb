"""Who has read a post and who has not: derived from the read positions of the members, never counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from mesh import errors
from svc_message.application.reading.posts import PostRef, Posts
from svc_message.application.sync.shown import Shown
from svc_message.domain.conversation import Membership, UserId
from svc_message.domain.ports import Members
from svc_message.domain.reasons import Reason
from svc_message.domain.told_marks import counts_only

SAMPLE: Final = 500
"""With more members than this the counts come from so many of them, always the same ones for one post."""


@dataclass(frozen=True, slots=True)
class ReaderPage:
    """Users of a page, none with `counts_only`; the counts; and after whom to go on; empty: there are no more."""

    user_ids: list[UserId]
    read: int
    unread: int
    sampled: bool
    next: str
    counts_only: bool = False


class Readers:
    """Lists readers, for the sender of a post."""

    def __init__(self, posts: Posts, members: Members, shown: Shown) -> None:
        self._posts = posts
        self._members = members
        self._shown = shown

    async def page(self, ref: PostRef, after: str, size: int, *, unread: bool) -> ReaderPage:
        """Readers, or those who have not read it, after a user.

        Raises CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND, NOT_ALLOWED, and UNAVAILABLE while nobody knows who hides.
        """
        place, post = await self._posts.one(ref)
        if post.sender_id != ref.user_id or not place.present:
            raise errors.denied(Reason.NOT_ALLOWED, "who has read a message is told to its sender as a member alone")
        if not await self._shown.of(ref.user_id, (ref.user_id,)):
            raise errors.denied(Reason.NOT_ALLOWED, "who hides their read receipts does not see those of others")
        present = await self._members.of_conversation(ref.conversation_id)
        apart = await self._shown.apart_in(ref.conversation_id, ref.user_id)
        seeing = await self._posts.sights.without_blind(present, post)
        members = [one for one in _others(ref, seeing) if one.user_id not in apart]
        rights = await self._members.group_rights(ref.conversation_id)
        if counts_only(ref.conversation_id, len(present), rights):
            return ReaderPage([], *await self._counts(ref, members), next="", counts_only=True)
        wanted = [one for one in members if one.user_id > after and (one.read_seq < ref.seq) is unread]
        page = [one.user_id for one in wanted[:size]]
        shown = await self._shown.of(ref.user_id, page)
        read, not_read, sampled = await self._counts(ref, members)
        following = page[-1] if len(wanted) > size else ""
        return ReaderPage([one for one in page if one in shown], read, not_read, sampled, following)

    async def _counts(self, ref: PostRef, members: Sequence[Membership]) -> tuple[int, int, bool]:
        """How many have read it and how many have not, of those who are shown, and whether that is an estimate."""
        sampled = len(members) > SAMPLE
        chosen: Collection[Membership] = members
        if sampled:
            chosen = Random(f"{ref.conversation_id}/{ref.seq}").sample(members, SAMPLE)  # noqa: S311 - no secret
        shown = await self._shown.of(ref.user_id, [one.user_id for one in chosen])
        read = sum(one.read_seq >= ref.seq for one in chosen if one.user_id in shown)
        share = len(members) / SAMPLE if sampled else 1
        return round(read * share), round((len(shown) - read) * share), sampled


def _others(ref: PostRef, members: Sequence[Membership]) -> Sequence[Membership]:
    """Members who may see the post and did not write it, by id."""
    others = (one for one in members if one.first_seq <= ref.seq and one.user_id != ref.user_id)
    return sorted(others, key=lambda one: one.user_id)
