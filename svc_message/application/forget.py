"""Forget a deleted user: what was theirs alone goes, what they wrote belongs to all in the conversation and stays."""

from svc_message.domain.conversation import UserId
from svc_message.domain.erasure import Erasures


class Forgetting:
    """Whoever calls it may call until it succeeds."""

    def __init__(self, erasures: Erasures) -> None:
        self._erasures = erasures

    async def forget(self, user_id: UserId) -> None:
        """Forget a user. The log goes last: what waits may still write a notice into it. UNAVAILABLE."""
        await self._erasures.belongings(user_id)
        await self._erasures.personal_log(user_id)
