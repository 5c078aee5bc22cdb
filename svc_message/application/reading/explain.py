"""How far a message came: from what is known anyway, the log, the positions of members and the routes of devices."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from mesh import errors
from svc_message.application.reading.posts import PostRef, Posts
from svc_message.application.sync.shown import Shown
from svc_message.domain.conversation import Membership, Seq, UserId
from svc_message.domain.ports import Members
from svc_message.domain.push.whereabouts import Present, Whereabouts
from svc_message.domain.reasons import Reason
from svc_message.domain.told_marks import counts_only


@dataclass(frozen=True, slots=True)
class Reached:
    """How far it came on one device, or for a user without a connected one; 0 and "" where there is none."""

    user_id: UserId
    device_id: str
    connected_at_ms: int
    received: bool
    read: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """When it became durable, how far it came, and after which user to go on; empty: there are no more.

    `received` counts the members besides the sender; with `counts_only` nothing else says who they are.
    """

    committed_at_ms: int
    reached: list[Reached]
    received: int
    counts_only: bool
    next: str


class Explain:
    """Explains deliveries, to the sender of a message."""

    def __init__(self, posts: Posts, members: Members, shown: Shown, whereabouts: Whereabouts) -> None:
        self._posts = posts
        self._members = members
        self._shown = shown
        self._whereabouts = whereabouts

    async def page(self, ref: PostRef, after: str, size: int) -> Delivered:
        """How far a post came, for `size` users after one.

        Raises CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND, NOT_ALLOWED, and UNAVAILABLE while nobody knows who is there.
        """
        place, post = await self._posts.one(ref)
        if post.sender_id != ref.user_id or not place.present:
            raise errors.denied(Reason.NOT_ALLOWED, "how far a message came is told to its sender as a member alone")
        members = await self._members.of_conversation(ref.conversation_id)
        apart = await self._shown.apart_in(ref.conversation_id, ref.user_id)
        within = [_unmarked(one) if one.user_id in apart else one for one in members if one.first_seq <= ref.seq]
        audience = sorted(await self._posts.sights.without_blind(within, post), key=lambda one: one.user_id)
        rest = [one for one in audience if one.user_id > after]
        page = rest[:size]
        users = [one.user_id for one in page]
        devices = await self._whereabouts.devices(await self._shown.present(ref.user_id, users))
        shown = await self._shown.surely(ref.user_id, users) | {ref.user_id}
        hushed = counts_only(ref.conversation_id, len(members), await self._members.group_rights(ref.conversation_id))
        told = [_hushed(ref, one) for one in page] if hushed else page
        reached = [found for one in told for found in _reached(ref, one, devices.get(one.user_id, ()), shown)]
        received = sum(one.received_seq >= ref.seq for one in audience if one.user_id != ref.user_id)
        return Delivered(post.sent_at_ms, reached, received, hushed, users[-1] if len(rest) > size else "")


def _hushed(ref: PostRef, member: Membership) -> Membership:
    """A member without their positions, unless it is the sender."""
    return _unmarked(member) if member.user_id != ref.user_id else member


def _unmarked(member: Membership) -> Membership:
    return replace(member, read_seq=Seq(0), received_seq=Seq(0))


def _reached(
    ref: PostRef, member: Membership, devices: Sequence[Present], shown: Collection[UserId]
) -> Iterator[Reached]:
    """One for each device, or one for a user who has none."""
    own = member.user_id == ref.user_id
    received = own or member.received_seq >= ref.seq
    read = own or (member.user_id in shown and member.read_seq >= ref.seq)
    for device_id, since_ms in devices or (("", 0),):
        yield Reached(member.user_id, device_id, since_ms, received, read)
