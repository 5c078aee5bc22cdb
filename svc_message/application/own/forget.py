"""Forget a deleted user: what was theirs alone goes, what they wrote belongs to all in the conversation and stays."""

from svc_message.application.own.clear_estates import EstateClearing
from svc_message.domain.conversation import UserId
from svc_message.domain.erasure import Erasures


class Forgetting:
    """Whoever calls it may call until it succeeds."""

    def __init__(self, erasures: Erasures, clearing: EstateClearing) -> None:
        self._erasures = erasures
        self._clearing = clearing

    async def forget(self, user_id: UserId) -> None:
        """Forget a user; their media follow in the background. UNAVAILABLE.

        The log goes last: what waits may still write a notice into it.
        """
        await self._erasures.belongings(user_id)
        await self._clearing.begin(user_id)
        await self._erasures.personal_log(user_id)
