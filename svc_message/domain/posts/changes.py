"""The port to what changes posts: entries found by what they are about, and by when they were written."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.entry import EntryKind, Stored


class PostSpan(NamedTuple):
    """Posts that are looked for: those with first <= seq <= last, of this user unless it is empty."""

    conversation_id: ConversationId
    first: int
    last: int
    sender_id: str = ""


class Changes(Protocol):
    """Entries by what they are about. All of it is read from the log, so it is true whoever wrote and whenever."""

    async def about(
        self, conversation_id: ConversationId, first: int, last: int, kind: EntryKind, *, after: int, limit: int
    ) -> list[Stored]:
        """Entries of this kind whose target is within first..last and that stand after `after`, oldest first."""

    async def latest(
        self, conversation_id: ConversationId, first: int, last: int, kinds: Collection[EntryKind], *, up_to: int
    ) -> list[Stored]:
        """For each target within first..last the newest entry of each of the kinds up to `up_to`, oldest first."""

    async def edits(self, conversation_id: ConversationId, target: int) -> int:
        """How often a post was edited."""

    async def pins(self, conversation_id: ConversationId, *, after: int, limit: int) -> list[Stored]:
        """Entries that pin or unpin and stand after `after`, oldest first."""

    async def at(self, conversation_id: ConversationId, seqs: Collection[int]) -> dict[Seq, Stored]:
        """The entries at these places; those that are not there are left out."""

    async def first_since(self, conversation_id: ConversationId, time_ms: int, first: int, last: int) -> Seq:
        """Within first..last the first entry that was accepted at or after this time; `last` + 1 when there is none.

        Found by halving, so where clocks went back it is one such entry with an earlier one before it.
        """

    async def posts(self, span: PostSpan, limit: int, *, descending: bool = False) -> list[Stored]:
        """Posts of the span, at most `limit`, oldest first unless `descending`."""


class Hidden(Protocol):
    """What users have hidden from their own devices."""

    async def hidden(self, user_id: UserId, conversation_id: ConversationId, seqs: Sequence[Seq]) -> set[Seq]:
        """Those of the posts that this user has hidden."""


class Privacy(Protocol):
    """What users let others know of them."""

    async def hiding(self, user_ids: Collection[UserId]) -> set[UserId]:
        """Those of the users who hide how far they have read, or who are unknown.

        Raises UNAVAILABLE when the user service cannot say.
        """

    async def showing_presence(self, watcher_id: UserId, user_ids: Collection[UserId]) -> set[UserId]:
        """Those of the users who let this one see whether they are online. UNAVAILABLE as above."""
