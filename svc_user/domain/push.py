"""Where push notifications go, and the port that keeps it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from svc_user.domain.account import UserId
from svc_user.domain.session import DeviceId, SessionId

MAX_TARGETS: Final = 20
"""Targets of one user that are told, those set last; as many as a user may have sessions."""


@dataclass(frozen=True, slots=True, repr=False)
class PushTarget:
    """Where notifications for one device go; `provider` is the number of the contract. The token is a secret."""

    session_id: SessionId
    user_id: UserId
    device_id: DeviceId
    provider: int
    token: str
    app_id: str
    set_at_ms: int


class PushTargets(Protocol):
    """The targets of devices. A target ends with the session that it was set in."""

    async def keep(self, target: PushTarget) -> None:
        """Keep it in place of the session's older one, and take its token from whatever device had it before."""

    async def remove(self, session_id: SessionId) -> None:
        """Forget the target of a session; one that has none stays so."""

    async def forget(self, user_id: UserId, provider: int, token: str) -> None:
        """Forget this very token of a user, which is dead; a device that has named another one since keeps it."""

    async def of(self, user_ids: Collection[UserId], now_ms: int) -> dict[UserId, list[PushTarget]]:
        """The targets of sessions that are live, the one set last first, at most `MAX_TARGETS` for each user.

        Users without any are left out.
        """
