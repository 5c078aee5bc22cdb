"""Keep a change, then tell the logs: what every verb that changes something ends with."""

from collections.abc import Callable
from typing import TypeVar

from svc_group.domain import rules
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import GroupView
from svc_group.domain.ports import Debts, Decide, Groups, Need, Scene

T = TypeVar("T")


class Commit:
    """The store of groups together with what it owes."""

    def __init__(self, groups: Groups, debts: Debts) -> None:
        self._groups = groups
        self._debts = debts

    async def change(self, need: Need, decide: Decide[T]) -> T:
        """Keep what `decide` changes; its entries are in the logs on return when the message service answers."""
        answer = await self._groups.change(need, decide)
        await self._debts.settle()
        return answer

    async def look(self, need: Need, judge: Callable[[Scene], T]) -> T:
        """Judge without changing anything."""
        return await self._groups.look(need, judge)

    async def view(self, group_id: GroupId, user_id: UserId) -> GroupView:
        """The group after a change, as its caller sees it."""
        view = await self._groups.view(group_id, user_id)
        if view is None:
            raise rules.unknown_group()
        return view
