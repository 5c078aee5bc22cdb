"""List the caller's groups: all of them, or only what changed after a version of the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from svc_group.application import paging
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import GroupView
from svc_group.domain.ports import Changed, Groups, Mark

MAX_TEXT: Final = 100_000
"""Characters of announcements and introductions in one page of groups: at most 400 KB of the 1 MB of a message."""

AFTER_ALL: Final = "~"
"""Sorts after every group id."""


@dataclass(frozen=True, slots=True)
class MyGroups:
    """A page of the caller's groups; `version` is what the copy is at when all pages are applied."""

    views: Sequence[GroupView]
    removed: Sequence[GroupId]
    version: int
    reset: bool
    next_page_token: str


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a listing stands; `version` is 0 until its first page is read."""

    mark: Mark
    version: int = 0
    reset: bool = False


class Listing:
    """Answers what groups a user is in."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    async def page(self, user_id: UserId, page_size: int, page_token: str, after_version: int) -> MyGroups:
        """The oldest change first. A group that changes while pages are read comes again at the end.

        `removed` names groups that the caller is no member of any more; a whole list has none.
        Raises PAGE_TOKEN_INVALID.
        """
        query = ("mine", user_id, after_version)
        after_version = min(after_version, paging.MAX_INTEGER)
        cursor = _cursor(paging.cursor(page_token, (int, str, int, int), *query), after_version)
        size = paging.clamp(page_size)
        changed = await self._groups.of_user(user_id, cursor.mark, size + 1)
        if not cursor.version and after_version > changed.newest:
            # The copy is of another store, or of one that was restored from an older state.
            cursor = _Cursor(Mark(), reset=True)
            changed = await self._groups.of_user(user_id, cursor.mark, size + 1)
        cursor = _Cursor(cursor.mark, cursor.version or changed.newest, cursor.reset)
        taken = _fitting(changed, size)
        token = paging.token(_after(cursor, changed, taken), *query) if taken < len(changed.views) else ""
        return _page(cursor, [view for _, view in changed.views[:taken]], token, whole=not after_version)


def _cursor(found: paging.Cursor | None, after_version: int) -> _Cursor:
    if found is not None:
        change, group_id, version, reset = found
        return _Cursor(Mark(int(change), str(group_id)), int(version), bool(reset))
    return _Cursor(Mark(after_version, AFTER_ALL) if after_version else Mark())


def _after(cursor: _Cursor, changed: Changed, taken: int) -> paging.Cursor:
    last, _ = changed.views[taken - 1]
    return [last.change, last.group_id, cursor.version, int(cursor.reset)]


def _page(cursor: _Cursor, views: Sequence[GroupView], token: str, *, whole: bool) -> MyGroups:
    gone = [] if whole or cursor.reset else [view.group.id for view in views if not _present(view)]
    return MyGroups([view for view in views if _present(view)], gone, cursor.version, cursor.reset, token)


def _present(view: GroupView) -> bool:
    return view.own is not None and view.own.present


def _fitting(changed: Changed, size: int) -> int:
    """How many of these fit into one answer; at least one when there is one."""
    room = MAX_TEXT
    views = changed.views[:size]
    for count, (_, view) in enumerate(views):
        text = view.group.announcement.text if view.group.announcement else ""
        room -= len(text) + len(view.group.settings.introduction)
        if room < 0:
            return max(count, 1)
    return len(views)
