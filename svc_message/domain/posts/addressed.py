"""What a bot is shown of a group: what is addressed to it, and all from where the group made it an admin.

Everywhere that entries leave the service the same rule is asked, whoever delivers or reads. It is decided by what
stands in the log: so a post that was hidden when it was written stays so, and whoever wrote it could rely on that.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple, Protocol

from svc_message.domain.conversation import Membership, Seq, UserId
from svc_message.domain.entry import EntryKind

CHANGES: Final = frozenset({EntryKind.EDIT, EntryKind.REACTION, EntryKind.PIN})
"""Kinds that go where the post goes that they change."""

ALWAYS: Final = frozenset(
    {
        EntryKind.MEMBERSHIP,
        EntryKind.GROUP,
        EntryKind.RETENTION,
        EntryKind.RECALL,
        EntryKind.TOMBSTONE,
        EntryKind.CUT,
    }
)
"""Kinds that every member sees. A recall leaves nothing by which to tell whom it concerns, and holds no words."""


class Address(NamedTuple):
    """What an entry says, as far as this rule needs to know."""

    seq: Seq
    sender_id: UserId
    kind: EntryKind
    about: Seq = Seq(0)
    """The post that it changes; of a post: the one that it answers; 0: none."""
    mentions: tuple[UserId, ...] = ()
    mentions_all: bool = False
    command: bool = False
    """What a person reads of it begins with `/`."""
    copies: bool = False
    """It shows a copy of the post that it answers."""

    def mentioned(self, user_id: UserId) -> bool:
        """Whether it addresses this user, or all."""
        return self.mentions_all or user_id in self.mentions


class Eyes(NamedTuple):
    """Who looks: a bot in a group, with what its `Membership` says."""

    user_id: UserId
    first_seq: Seq
    addressed_before: Seq


class Shown(Enum):
    """How much of an entry is shown."""

    WHOLE = "whole"
    WITHOUT_COPY = "without the copy of what it answers"
    NOTHING = "nothing"


Known = Mapping[int, Address]
"""Entries by their places: at least those that the ones in question are about, and what these are about."""


class Addressing(Protocol):
    """How entries are read for this rule, without the domain knowing the format."""

    def of(self, entry: bytes) -> Address:
        """What an encoded entry says."""

    def without_copy(self, entry: bytes) -> bytes:
        """The entry of a post, encoded anew without the copy of what it answers."""


def eyes_of(place: Membership) -> Eyes:
    """Whose eyes these are."""
    return Eyes(place.user_id, place.first_seq, place.addressed_before)


def shown(eyes: Eyes, entry: Address, known: Known) -> Shown:
    """How much of an entry this bot is shown; what `known` lacks counts as hidden from it."""
    if not _sees(eyes, entry, known):
        return Shown.NOTHING
    if entry.copies and entry.sender_id != eyes.user_id and not _sees_post(eyes, known.get(entry.about), known):
        return Shown.WITHOUT_COPY
    return Shown.WHOLE


def _sees(eyes: Eyes, entry: Address, known: Known) -> bool:
    if entry.sender_id == eyes.user_id:
        return True
    if entry.kind is EntryKind.POST:
        return _is_open(eyes, entry, known)
    if entry.kind in CHANGES:
        return _sees_post(eyes, known.get(entry.about), known)
    return entry.kind in ALWAYS


def _sees_post(eyes: Eyes, post: Address | None, known: Known) -> bool:
    """Whether a post that another entry is about is shown, now; one that was recalled is not, unless it was its own."""
    if post is None or post.seq < eyes.first_seq:
        return False
    if post.sender_id == eyes.user_id:
        return True
    return post.kind is EntryKind.POST and _is_open(eyes, post, known)


def _is_open(eyes: Eyes, post: Address, known: Known) -> bool:
    answered = known.get(post.about)
    return (
        post.seq >= eyes.addressed_before
        or post.command
        or post.mentioned(eyes.user_id)
        or (answered is not None and answered.sender_id == eyes.user_id)
    )
