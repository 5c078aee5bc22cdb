"""Conversations: what their ids say, who is in them, and who may see which part."""

import itertools
import re
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Final, NamedTuple, NewType

ConversationId = NewType("ConversationId", str)
"""`<user>-<user>` (smaller id first), a group id, or a user id for that user's personal log."""
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
"""A device of a user, or the name of the service that appends."""
Seq = NewType("Seq", int)
"""Position in a conversation: 1, 2, 3 … ; 0 stands before the first entry."""

ADDRESSED_ONLY: Final = Seq(2**63 - 1)
"""As `Membership.addressed_before`: of all entries, also those to come."""

_ID = "[0-9a-hjkmnp-tv-z]{15}"
_PATTERN = re.compile(f"(?P<direct>u{_ID}-u{_ID})|(?P<personal>u{_ID})|(?P<group>g{_ID})")


class ConversationKind(Enum):
    """Kinds of conversation."""

    DIRECT = "direct"
    GROUP = "group"
    PERSONAL = "personal"


class Role(IntEnum):
    """Roles in a group, by rising rights. The numbers are those of the contract and of the store."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3


def kind_of(conversation_id: str) -> ConversationKind | None:
    """Kind of the conversation, or None when this is no id of one: a direct id names the smaller user first."""
    match = _PATTERN.fullmatch(conversation_id)
    if match is None:
        return None
    kind = ConversationKind(match.lastgroup)
    if kind is ConversationKind.DIRECT and conversation_id[:16] > conversation_id[17:]:
        return None
    return kind


def direct_id(one: str, other: str) -> ConversationId:
    """Id of the direct chat of two users; of a user with themselves when both are the same."""
    return ConversationId(f"{min(one, other)}-{max(one, other)}")


def direct_users(conversation_id: str) -> frozenset[UserId]:
    """The one or two users of a direct chat."""
    return frozenset((UserId(conversation_id[:16]), UserId(conversation_id[17:])))


def peer_of(conversation_id: str, user_id: str) -> UserId:
    """The other user of a direct chat; oneself in a chat with oneself."""
    first, second = conversation_id[:16], conversation_id[17:]
    return UserId(second if first == user_id else first)


def waits_to_be_read(conversation_id: str) -> bool:
    """Whether the time of a post that destroys itself begins when it is read: in a direct chat of two."""
    return kind_of(conversation_id) is ConversationKind.DIRECT and len(direct_users(conversation_id)) > 1


@dataclass(frozen=True, slots=True)
class Membership:
    """One user's place in a conversation. Visible are the seqs from `first_seq` to `left_seq`."""

    user_id: UserId
    join_seq: Seq
    """The entry that made them a member; 0 in direct chats and personal logs."""
    first_seq: Seq
    """First entry that they may see."""
    left_seq: Seq = Seq(0)
    """The entry that ended the membership, the last one they see; 0 while it lasts."""
    role: Role = Role.MEMBER
    muted_until_ms: int = 0
    read_seq: Seq = Seq(0)
    received_seq: Seq = Seq(0)
    addressed_before: Seq = Seq(0)
    """Of entries before this one a bot is shown what is addressed to it: see `domain.posts.addressed`. 0: a person."""

    @property
    def present(self) -> bool:
        """Is a member now."""
        return self.left_seq == 0

    @property
    def heard(self) -> Seq:
        """Newest seq that one of their devices has, or that they have read."""
        return max(self.read_seq, self.received_seq)

    def placed(self, seq: Seq, first: Seq) -> "Membership":
        """The place of who comes with the entry `seq` and sees the log from `first` on."""
        bot = addressed_before(Seq(0), self.role, seq) if self.addressed_before else Seq(0)
        return replace(self, join_seq=seq, first_seq=first, addressed_before=bot)

    def updated(self, member: "Membership", seq: Seq) -> "Membership":
        """The place after the entry `seq`, which says that the member is by now so."""
        changed = replace(self, role=member.role, muted_until_ms=member.muted_until_ms)
        if not member.addressed_before:
            return changed
        return replace(changed, addressed_before=addressed_before(self.addressed_before, member.role, seq))

    def last_visible(self, head: int) -> Seq:
        """Newest seq that they may see of a log that has reached `head`."""
        return Seq(min(self.left_seq or head, head))


def addressed_before(before: Seq, role: Role, seq: Seq) -> Seq:
    """What `Membership.addressed_before` is of a bot with this role by the entry `seq`; `before`: what it was.

    The entry that makes it an admin opens what comes from then on, so what was written before stays hidden.
    """
    return ADDRESSED_ONLY if role is Role.MEMBER else min(before or ADDRESSED_ONLY, seq)


class Room(tuple[UserId, ...]):  # noqa: SLOT001 - a tuple with slots has no room for a field
    """An audience, beside which there are bots: each of these gets what it is shown."""

    bots: tuple[Membership, ...] = ()


class Posted(NamedTuple):
    """When a member wrote last (Unix ms), and by which number of which device."""

    at_ms: int
    device_id: DeviceId
    client_message_id: int


class GroupRights(NamedTuple):
    """What the settings of a group say about who may write what, and whose receipts are shown."""

    muted_all: bool = False
    """Only owner and admins may write."""
    mention_all_open: bool = False
    """All members may address everyone."""
    pin_open: bool = False
    """All members may pin."""
    slow_mode_seconds: int = 0
    """Between two posts of a member below admin; 0: no limit."""
    member_receipts: bool = False
    """Receipts of single members are shown."""
    suspended: bool = False
    """An administrator of the installation has closed it: nobody may write."""


@dataclass(slots=True)
class Conversation:
    """A conversation in the memory of the node that owns it: its head, and those who are members now."""

    id: ConversationId
    kind: ConversationKind
    head: Seq
    members: dict[UserId, Membership] = field(default_factory=dict)
    muted_all: bool = False
    mention_all_open: bool = False
    pin_open: bool = False
    slow_mode_seconds: int = 0
    member_receipts: bool = False
    suspended: bool = False
    posted: dict[UserId, Posted] = field(default_factory=dict)
    """With slow mode: the last post of each member below admin, the oldest first; none older than the slow mode."""
    cleared_until: dict[UserId, float] = field(default_factory=dict)
    """Direct chats: until when (monotonic seconds) the answer of the user service holds that this user may write."""
    stale: bool = False
    """The last append ended unknown: head and members must be read again before the next one."""
    terms: int = 0
    """Another number whenever something was taken in by which drafts are judged: what was judged by other terms, and
    has no place yet, is judged again.
    """
    with_bots: set[ConversationId] = field(default_factory=set)
    """Conversations of this node that have, or had, bots: it writes itself down there with its audience."""
    _audience: tuple[UserId, ...] = ()

    @property
    def audience(self) -> tuple[UserId, ...]:
        """Ids of the members besides bots, made once between two changes: a large group reads it for each entry."""
        if not self._audience:
            self._audience = self._gather()
        return self._audience

    def add(self, membership: Membership) -> None:
        """Take in a member, or the new state of one."""
        self.members[membership.user_id] = membership
        self._audience = ()

    def remove(self, user_id: UserId) -> None:
        """Forget a member who left."""
        self.members.pop(user_id, None)
        self._audience = ()

    def doubt(self) -> None:
        """What was said of who may write here may hold no more."""
        self.cleared_until.clear()
        self.terms += 1

    def _gather(self) -> tuple[UserId, ...]:
        """A `Room` where there are bots, which groups without them need not be asked for."""
        bots = tuple(one for one in self.members.values() if one.addressed_before)
        if not bots:
            return tuple(self.members)
        room = Room(one.user_id for one in self.members.values() if not one.addressed_before)
        room.bots = bots
        self.with_bots.add(self.id)
        return room

    def count_post(self, user_id: UserId, post: Posted) -> None:
        """Remember, in slow mode, the post of a member, and forget those whose time is over."""
        oldest = post.at_ms - self.slow_mode_seconds * 1_000
        for other_id in list(itertools.takewhile(lambda one: self.posted[one].at_ms <= oldest, self.posted)):
            del self.posted[other_id]
        self.posted.pop(user_id, None)
        self.posted[user_id] = post

    def uncount_post(self, user_id: UserId, post: Posted) -> None:
        """Forget this post, unless the member has written another one since."""
        if self.posted.get(user_id) is post:
            del self.posted[user_id]

    def renew(self, head: Seq, present: list[Membership], rights: GroupRights) -> None:
        """Take head, members and rights as the store has them."""
        self.head = head
        self.members = {membership.user_id: membership for membership in present}
        self.muted_all, self.mention_all_open, self.pin_open = (
            rights.muted_all,
            rights.mention_all_open,
            rights.pin_open,
        )
        self.slow_mode_seconds, self.member_receipts = rights.slow_mode_seconds, rights.member_receipts
        self.suspended = rights.suspended
        self.terms += 1
        self.stale = False
        self._audience = ()
