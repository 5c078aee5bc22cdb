"""Keep and tell where push notifications go."""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.clock import Clock
from svc_user.domain.account import UserId
from svc_user.domain.ports import Accounts
from svc_user.domain.push import PushTarget, PushTargets
from svc_user.domain.session import SessionId


@dataclass(frozen=True, slots=True)
class UserTargets:
    """Where notifications to one user go, and whether they say neither who nor what."""

    user_id: UserId
    targets: Sequence[PushTarget]
    hide_content: bool


class Push:
    """Where notifications to users go."""

    def __init__(self, accounts: Accounts, targets: PushTargets, clock: Clock) -> None:
        self._accounts = accounts
        self._targets = targets
        self._clock = clock

    async def keep(self, target: PushTarget) -> None:
        """Keep where notifications for this device go from now on."""
        await self._targets.keep(target)

    async def remove(self, session_id: SessionId) -> None:
        """Send none to this session's device any more."""
        await self._targets.remove(session_id)

    async def forget(self, user_id: UserId, provider: int, token: str) -> None:
        """Send none to this token of a user any more."""
        await self._targets.forget(user_id, provider, token)

    async def of(self, user_ids: Sequence[UserId]) -> list[UserTargets]:
        """The targets of these users, in the order of their first mention; users without any are left out."""
        wanted = list(dict.fromkeys(user_ids))
        found = await self._targets.of(wanted, self._clock.now_ms())
        accounts = await self._accounts.get(found)
        return [
            UserTargets(user_id, found[user_id], accounts[user_id].privacy.hide_push_content)
            for user_id in wanted
            if user_id in found and user_id in accounts
        ]
