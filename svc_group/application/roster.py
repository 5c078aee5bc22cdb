"""Pages of members on which nobody is left out whose role rises while they are turned.

Owner and admins come first, so whoever becomes one after that page was read would be on none. A place in the list says
which of them were shown; who leads by now and was not is listed where they stood before.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final
from zlib import crc32

from svc_group.application.paging import Cursor
from svc_group.domain.group import GroupId, Role, UserId
from svc_group.domain.member import Member
from svc_group.domain.ports import MemberFilter, Members, Place

KINDS: Final = (int, int, str, str)
"""Of the parts of a place: rank, time of joining, user, and the marks of those who lead and were shown."""

LEADERS: Final = 24
"""So many have room in a token. Where more lead, who becomes one meanwhile may be left out."""

TOO_MANY: Final = "*"


class Roster:
    """Lists the members of a group."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def page(
        self, group_id: GroupId, wanted: MemberFilter, cursor: Cursor | None, size: int
    ) -> tuple[Sequence[Member], Cursor | None]:
        """What comes after a place, and the place after that; None: there is no more."""
        after, shown = _place(cursor)
        found = await self._members.page(group_id, wanted, after, size + 1)
        leading = list(takewhile(_leads, found))
        others = found[len(leading) :]
        if cursor and len(leading) <= size:
            others = _in_order([*others, *await self._risen(group_id, wanted, after, shown + _marks(leading))])
        listed = [*leading, *others]
        following = _following(leading, listed[size - 1], size, shown) if len(listed) > size else None
        return listed[:size], following

    async def _risen(self, group_id: GroupId, wanted: MemberFilter, after: Place, shown: str) -> list[Member]:
        """Who leads and was not shown, and stood behind this place as a member."""
        if wanted.role is not None or shown.startswith(TOO_MANY):
            return []
        leading = list(takewhile(_leads, await self._members.page(group_id, wanted, Place(), LEADERS + 1)))
        passed = (after.joined_at_ms, after.user_id) if after.rank == Role.OWNER - Role.MEMBER else (-1, "")
        unseen = [one for one in leading if _mark(one.user_id) not in shown] if len(leading) <= LEADERS else []
        return [one for one in unseen if (one.joined_at_ms, one.user_id) > passed]


def _place(cursor: Cursor | None) -> tuple[Place, str]:
    """Where to go on, and the marks of those who lead and were shown."""
    if cursor is None:
        return Place(), ""
    rank, joined_at_ms, user_id, shown = cursor
    return Place(int(rank), int(joined_at_ms), str(user_id)), str(shown)


def _following(leading: Sequence[Member], last: Member, size: int, shown: str) -> Cursor:
    """The place after the last member of a page. Who rose is passed as the member that they were."""
    rank = Role.OWNER - (last.role if len(leading) >= size else Role.MEMBER)
    return [rank, last.joined_at_ms, last.user_id, _bounded(shown + _marks(leading[:size]))]


def _leads(member: Member) -> bool:
    return member.role > Role.MEMBER


def _in_order(members: Sequence[Member]) -> list[Member]:
    """By the time they joined; of one who rose between two looks what the later one saw."""
    of_users = {member.user_id: member for member in members}
    return sorted(of_users.values(), key=lambda member: (member.joined_at_ms, member.user_id))


def _mark(user_id: UserId) -> str:
    return f"{crc32(user_id.encode()):08x}."


def _marks(members: Sequence[Member]) -> str:
    return "".join(_mark(member.user_id) for member in members)


def _bounded(shown: str) -> str:
    return shown if len(shown) <= LEADERS * len(_mark(UserId(""))) else TOO_MANY
