"""List friends, keep notes about them, end friendships."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from svc_user.application.pairs import Pairs
from svc_user.domain import friendship
from svc_user.domain.account import UserId
from svc_user.domain.friend import Pair, Side, friend_not_found, version_conflict
from svc_user.domain.friendship import Change
from svc_user.domain.ports import Relations

MAX_BEHIND: Final = 10_000
"""How many changes a client may be behind and still get them: twice as many as there may be friends. Beyond that the
whole list is less to read."""

MAX_VERSION: Final = 2**63 - 1
"""No store counts further; a request may name more."""


@dataclass(frozen=True, slots=True)
class ListCursor:
    """Where a page of the friend list begins.

    `after` is the version before its first entry, `version` what the client has when it has read all pages,
    `whole` whether it reads the list and not a change of it, `reset` whether it asked for a change and cannot have it.
    """

    after: int
    version: int
    whole: bool
    reset: bool = False


@dataclass(frozen=True, slots=True)
class FriendPage:
    """A page of the friend list; `cursor` says how it was read, `more` where the next one begins."""

    friends: Sequence[Side]
    removed: Sequence[UserId]
    cursor: ListCursor
    more: ListCursor | None


class Friends:
    """The friend list of a user."""

    def __init__(self, relations: Relations, pairs: Pairs) -> None:
        self._relations = relations
        self._pairs = pairs

    async def begin(self, me: UserId, after_version: int) -> ListCursor:
        """Where to begin. A version that was never reached comes from a store that is gone, and one that is too old is
        dearer to bring up to date than to replace: then all is read.
        """
        version = (await self._relations.entries(me, min(after_version, MAX_VERSION), 0)).version
        reset = after_version > version or 0 < after_version < version - MAX_BEHIND
        whole = reset or after_version == 0
        return ListCursor(0 if whole else after_version, version, whole, reset)

    async def page(self, me: UserId, cursor: ListCursor, tag: str, limit: int) -> FriendPage:
        """One page, the oldest change first."""
        entries = await self._relations.entries(me, cursor.after, limit + 1, removed=not cursor.whole, tag=tag)
        sides = entries.sides[:limit]
        more = None
        if len(entries.sides) > limit:
            more = ListCursor(sides[-1].version, cursor.version, cursor.whole, cursor.reset)
        listed = [side for side in sides if side.listed]
        return FriendPage(listed, [side.other_id for side in sides if not side.listed], cursor, more)

    async def get(self, me: UserId, other: UserId) -> Side:
        """One friend. FRIEND_NOT_FOUND."""
        side = (await self._relations.sides([(me, other)]))[me, other]
        if not side.listed:
            raise friend_not_found()
        return side

    async def annotate(self, me: UserId, other: UserId, edit: Callable[[Side], Side], expected_version: int) -> Side:
        """Keep what the owner notes about a friend. Raises FRIEND_NOT_FOUND and VERSION_CONFLICT."""

        def decide(pair: Pair) -> Change:
            change = friendship.annotate(pair, edit(pair.mine))
            if expected_version not in (0, pair.mine.version):
                raise version_conflict()
            return change

        return (await self._pairs.change(me, other, decide)).mine

    async def delete(self, me: UserId, other: UserId, *, own_side_only: bool) -> int:
        """End a friendship, if there is one; return the version of the caller's list after it."""
        await self._pairs.change(me, other, lambda pair: friendship.end(pair, own_side_only=own_side_only))
        return (await self._relations.entries(me, 0, 0)).version
