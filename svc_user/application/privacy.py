"""Show and change what others may see and do."""

from collections.abc import Callable
from typing import Any, Final

from mesh import errors
from mesh.clock import Clock
from svc_user.domain.account import Account, UserId, no_such_user
from svc_user.domain.friend import version_conflict
from svc_user.domain.notice import ProfileNotice
from svc_user.domain.ports import Accounts, MessageNodes, Notices, Privacies, Stale
from svc_user.domain.privacy import Privacy, SeenAs
from svc_user.domain.reasons import Reason

MAX_ATTEMPTS: Final = 5
"""How often a change is made anew when another device was faster."""


class OwnPrivacy:
    """The settings of users, changed by themselves."""

    def __init__(
        self, accounts: Accounts, privacies: Privacies, notices: Notices, nodes: MessageNodes, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._privacies = privacies
        self._notices = notices
        self._nodes = nodes
        self._clock = clock

    async def get(self, user_id: UserId) -> Privacy:
        """The settings in force. USER_NOT_FOUND."""
        return (await self._account(user_id)).privacy

    async def update(self, user_id: UserId, edit: Callable[[Privacy], Privacy], expected_version: int) -> Privacy:
        """Keep edited settings and let all who remember them ask again; a change of nothing is no change.

        Raises VERSION_CONFLICT and USER_NOT_FOUND.
        """
        for _ in range(MAX_ATTEMPTS):
            before = await self.get(user_id)
            if expected_version not in (0, before.version):
                raise version_conflict()
            after = edit(before)
            if after is before:
                return before
            try:
                await self._keep(user_id, before, after)
            except Stale:
                continue
            return after
        raise errors.unavailable(Reason.OVERLOADED, "too many changes of these settings at once", retry_after=0.5)

    async def edit(self, user_id: UserId, changes: dict[str, Any], expected_version: int) -> Privacy:
        """Set some of the settings; None goes back to the default. Raises as `update`."""
        now = self._clock.now_ms()
        return await self.update(user_id, lambda before: before.edited(changes, now), expected_version)

    async def be_seen_as(self, user_id: UserId, seen_as: SeenAs) -> None:
        """Keep how the user wants to be seen. USER_NOT_FOUND."""
        await self.edit(user_id, {"seen_as": seen_as}, 0)

    async def _keep(self, user_id: UserId, before: Privacy, after: Privacy) -> None:
        notice = ProfileNotice(user_id, 0, settings_version=after.version)
        await self._privacies.change(user_id, before, after, (notice,))
        self._notices.dispatch()
        if after.concerns_others(before):
            await self._nodes.settings_changed(user_id)

    async def _account(self, user_id: UserId) -> Account:
        found = await self._accounts.get((user_id,))
        if user_id not in found:
            raise no_such_user()
        return found[user_id]
