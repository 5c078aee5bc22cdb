"""Groups as administrators have them: the store port."""

from dataclasses import dataclass
from typing import Protocol

from svc_group.domain.group import Group


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which groups to list: all that is given must hold. `text` is a part of the name, taken literally.

    `before_id` is that of the last one of the page before.
    """

    text: str = ""
    owner_id: str = ""
    before_id: str = ""
    limit: int = 50


class AllGroups(Protocol):
    """Every group of the installation. UNAVAILABLE when the store cannot answer."""

    async def find(self, wanted: Wanted) -> list[Group]:
        """Groups, the newest first. The name is looked at row by row: for operators, not for users."""
