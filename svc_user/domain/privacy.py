"""What users let others see and do."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any


class Audience(IntEnum):
    """Who may do or see a thing. The numbers are those of the contract."""

    EVERYONE = 1
    FRIENDS = 2
    NOBODY = 3

    def includes(self, *, friends: bool) -> bool:
        """Whether someone who is, or is not, a friend belongs to it."""
        return self is Audience.EVERYONE or (friends and self is Audience.FRIENDS)


class SeenAs(IntEnum):
    """How a user wants to be seen by those who see their presence. The numbers are those of the contract."""

    ONLINE = 1
    AWAY = 2
    OFFLINE = 3


@dataclass(frozen=True, slots=True)
class Privacy:
    """What others may see and do, with the defaults of the contract. `version` rises by one with each change."""

    write_to_me: Audience = Audience.EVERYONE
    find_me: Audience = Audience.EVERYONE
    befriend_me: Audience = Audience.EVERYONE
    add_me_to_groups: Audience = Audience.FRIENDS
    see_presence: Audience = Audience.FRIENDS
    see_birthday: Audience = Audience.FRIENDS
    hide_read_receipts: bool = False
    hide_push_content: bool = False
    seen_as: SeenAs = SeenAs.ONLINE
    seen_as_at_ms: int = 0
    """When `seen_as` was last set: who is seen as offline was last seen then."""
    version: int = 0

    def edited(self, changes: dict[str, Any], now_ms: int) -> "Privacy":
        """The settings with these values, where None means the default; itself when nothing changes."""
        defaults = Privacy()
        values = {name: getattr(defaults, name) if value is None else value for name, value in changes.items()}
        after = replace(self, **values)
        if after == self:
            return self
        since = self.seen_as_at_ms if after.seen_as is self.seen_as else now_ms
        return replace(after, version=self.version + 1, seen_as_at_ms=since)

    def concerns_others(self, before: "Privacy") -> bool:
        """Whether somebody else may now do or see what they might not before, or the other way round."""
        return self != replace(before, hide_push_content=self.hide_push_content, version=self.version)

    def chosen(self) -> dict[str, int]:
        """What differs from the defaults, as it is kept: who chose nothing follows the defaults of later versions."""
        defaults = Privacy()
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: int(value) for name, value in values.items() if value != getattr(defaults, name)}


def privacy_of(chosen: dict[str, Any]) -> Privacy:
    """The settings of which this was `chosen`."""
    defaults = Privacy()
    known = {name: value for name, value in chosen.items() if name in Privacy.__slots__}
    return Privacy(**{name: type(getattr(defaults, name))(value) for name, value in known.items()})
