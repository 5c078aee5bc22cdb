"""What one user has of a conversation for themselves: settings, and which entries they have hidden."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.reasons import Reason

MAX_HIDDEN: Final = 5_000
"""Hidden entries of one user in one conversation: about 30 KB. Whoever wants more hides the whole of it."""

DRAFT_WAIT_MS: Final = 1_000
"""How long a new draft waits before the other devices are told: most texts are sent or given up sooner."""

DRAFT_PAUSE_MS: Final = 30_000
"""Of a draft that goes on changing, the other devices are told at most so often."""

NO_SEQS: Final[frozenset[int]] = frozenset()


class Veil(NamedTuple):
    """What a user does not see of a conversation by their own wish."""

    cleared_seq: Seq = Seq(0)
    """Everything up to here."""
    hidden: frozenset[int] = NO_SEQS
    """And these."""


OPEN: Final = Veil()
"""Nothing is hidden."""


def hidden(veil: Veil, seq: int, target_seq: int = 0) -> bool:
    """Whether an entry is not shown to whom the veil belongs; `target_seq` is the post that it changes, if any."""
    return seq <= veil.cleared_seq or seq in veil.hidden or target_seq in veil.hidden


def newest_shown(veil: Veil, head: int, first: int) -> Seq:
    """The newest entry from `first` to `head` that is not hidden; 0 without one."""
    seq = head
    while seq in veil.hidden:
        seq -= 1
    return Seq(seq if seq >= max(first, veil.cleared_seq + 1) else 0)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Settings of a conversation as a user gives them; see parley.conversation.v1.ConversationSettings."""

    pinned: bool = False
    muted_until_ms: int = 0
    archived: bool = False
    marked_unread: bool = False
    draft: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """What is kept for a user and a conversation. `version` rises by one with each change; 0: nothing is kept."""

    user_id: UserId
    conversation_id: ConversationId
    version: int = 0
    pinned: bool = False
    muted_until_ms: int = 0
    archived_at: int = -1
    """Head of the log when it was put away; -1: it was not. A place, so that nothing is written when it comes back."""
    unread_at: int = -1
    """How far it was read when it was marked as unread; -1: it was not. Reading more ends the mark by itself."""
    draft: str = ""
    remark: str = ""
    deleted: bool = False
    """Off the list until there is a post after the cleared ones."""
    veil: Veil = OPEN
    untold: tuple[int, ...] = ()
    """Hidden entries that the devices were not told of yet."""
    tell_at_ms: int = 0
    """When the devices are to be told of this version; 0: they were."""
    draft_waits: bool = False
    """The draft is another one than the devices were told of."""
    draft_told_at_ms: int = 0
    """When they were told of a draft last."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a conversation stands for the user who changes something of it."""

    now_ms: int
    head: int
    read_seq: int
    first_seq: int = 1
    """The first entry that they may see."""


Change = Callable[[Own], Own]
"""Makes the next state of the present one. Raises what refuses the change."""


def configure(wanted: OwnSettings, fields: Collection[str], moment: Moment) -> Change:
    """Take the named fields of `wanted`."""

    def change(own: Own) -> Own:
        made = own
        for name in fields:
            made = _SETTERS[name](made, wanted, moment)
        if made == own:
            return own
        made = replace(made, draft_waits=own.draft_waits or made.draft != own.draft)
        return _changed(made, moment.now_ms if more_than_draft(own, made) else _draft_due(own, moment.now_ms))

    return change


def hide(seqs: Collection[int], moment: Moment) -> Change:
    """Hide these entries. Raises HIDDEN_LIMIT_REACHED, and hides none then."""

    def change(own: Own) -> Own:
        fresh = sorted(seq for seq in set(seqs) if not hidden(own.veil, seq))
        if not fresh:
            return own
        together = own.veil.hidden.union(fresh)
        if len(together) > MAX_HIDDEN:
            raise _too_many()
        veil = own.veil._replace(hidden=together)
        return _changed(replace(own, veil=veil, untold=(*own.untold, *fresh)), moment.now_ms)

    return change


def clear(moment: Moment) -> Change:
    """Hide all that there is and take it off the list; what belongs to the list and the open text goes with it."""

    def change(own: Own) -> Own:
        veil = Veil(Seq(max(moment.head, own.veil.cleared_seq)))
        fresh = replace(own, veil=veil, deleted=True, untold=(), pinned=False, archived_at=-1, unread_at=-1, draft="")
        return own if fresh == own else _changed(fresh, moment.now_ms)

    return change


def heard(kept: Own, told: Own, now_ms: int) -> Own:
    """The record that is kept by now, after devices were told of `told`, which is it or an earlier version.

    When nothing but the draft has changed since, they are told of that after a pause.
    """
    if told.draft_waits:
        kept = replace(kept, draft_told_at_ms=now_ms)
    if kept.version == told.version:
        return replace(kept, untold=(), tell_at_ms=0, draft_waits=False)
    now_due = replace(kept, tell_at_ms=max(kept.tell_at_ms, now_ms + DRAFT_PAUSE_MS))
    return kept if more_than_draft(told, kept) else now_due


def more_than_draft(before: Own, own: Own) -> bool:
    """Whether something else than the draft has changed."""
    return _told_part(before) != _told_part(own)


def _told_part(own: Own) -> Own:
    """The record without its draft and what belongs to telling."""
    return replace(own, version=0, draft="", draft_waits=False, draft_told_at_ms=0, tell_at_ms=0)


def shown_settings(own: Own, read_seq: int, *, archived: bool) -> OwnSettings:
    """The settings as they are in force. `archived`: as the log says, see `Own.archived_at`."""
    marked = own.unread_at >= read_seq
    return OwnSettings(own.pinned, own.muted_until_ms, archived, marked, own.draft, own.remark)


def _changed(own: Own, tell_at_ms: int) -> Own:
    """The next version; what was to be told sooner still is."""
    tell_at = min(tell_at_ms, own.tell_at_ms) if own.tell_at_ms else tell_at_ms
    return replace(own, version=own.version + 1, tell_at_ms=tell_at)


def _draft_due(own: Own, now_ms: int) -> int:
    return max(now_ms + DRAFT_WAIT_MS, own.draft_told_at_ms + DRAFT_PAUSE_MS)


def _set_archived(own: Own, wanted: OwnSettings, moment: Moment) -> Own:
    if not wanted.archived:
        return replace(own, archived_at=-1)
    return replace(own, archived_at=moment.head)


def _set_muted(own: Own, wanted: OwnSettings, moment: Moment) -> Own:
    """What came while it was muted must not bring it back when the mute ends."""
    archived_at = own.archived_at if own.archived_at < 0 else moment.head
    if wanted.muted_until_ms == own.muted_until_ms:
        archived_at = own.archived_at
    return replace(own, muted_until_ms=wanted.muted_until_ms, archived_at=archived_at)


def _set_unread(own: Own, wanted: OwnSettings, moment: Moment) -> Own:
    return replace(own, unread_at=moment.read_seq if wanted.marked_unread else -1)


_SETTERS: Final[Mapping[str, Callable[[Own, OwnSettings, Moment], Own]]] = {
    "pinned": lambda own, wanted, _: replace(own, pinned=wanted.pinned),
    "muted_until_ms": _set_muted,
    "archived": _set_archived,
    "marked_unread": _set_unread,
    "draft": lambda own, wanted, _: replace(own, draft=wanted.draft),
    "remark": lambda own, wanted, _: replace(own, remark=wanted.remark),
}
"""How each field of a mask is taken. The contract lets no other name through."""


def _too_many() -> MeshError:
    message = f"you have hidden {MAX_HIDDEN} entries of this conversation, which is the most; delete it from your list"
    return errors.exhausted(Reason.HIDDEN_LIMIT_REACHED, message)


class Owns(Protocol):
    """Where it is kept, one record for each user and conversation that has one."""

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Own]:
        """All records of a user."""

    async def one(self, user_id: UserId, conversation_id: ConversationId) -> Own:
        """The record of a conversation; of version 0 when there is none."""

    async def put(self, own: Own, before: Own | None = None) -> bool:
        """Keep the record durably if the one that is kept has the version before it; whether it was so.

        With `before`, of which it was made, only if devices were not told of that meanwhile: they would be told again.
        Raises UNAVAILABLE when the store cannot answer: nothing is known then.
        """

    async def renew(self, own: Own) -> bool:
        """Keep the record in place of the one of the same version; whether it was still that one."""

    async def due(self, now_ms: int, limit: int) -> list[Own]:
        """Records whose devices are to be told by now, the longest overdue first."""

    async def next_due(self) -> int | None:
        """When the next devices are to be told, Unix milliseconds; None when there is nothing to tell."""
