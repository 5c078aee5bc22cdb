"""Forget a deleted user: what was theirs alone goes, what they wrote belongs to all in the conversation and stays."""

from svc_message.domain.belongings import Belongings
from svc_message.domain.conversation import UserId


class Forgetting:
    """Whoever calls it may call until it succeeds."""

    def __init__(self, belongings: Belongings) -> None:
        self._belongings = belongings

    async def forget(self, user_id: UserId) -> None:
        """Forget a user. Nobody is told: no device of theirs is left. UNAVAILABLE."""
        await self._belongings.forget(user_id)
