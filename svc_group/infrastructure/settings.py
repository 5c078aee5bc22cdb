"""Settings of a group out of what a store keeps of them: names and plain values, whatever the store."""

from collections.abc import Mapping
from typing import Any, Final

from svc_group.domain.group import HistoryVisibility, JoinPolicy, Role, Settings

_ENUMS: Final[dict[str, Any]] = {
    "join_policy": JoinPolicy,
    "history_visibility": HistoryVisibility,
    "invite_role": Role,
    "mention_all_role": Role,
    "pin_role": Role,
}


def settings_of(kept: Mapping[str, Any]) -> Settings:
    """The settings of these names and values."""
    return Settings(**{name: _ENUMS[name](value) if name in _ENUMS else value for name, value in kept.items()})
