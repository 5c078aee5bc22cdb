"""What is removed for good when a user is deleted."""

from typing import Protocol

from svc_message.domain.conversation import UserId


class Erasures(Protocol):
    """Removes what concerned one user alone. UNAVAILABLE when the store cannot answer."""

    async def personal_log(self, user_id: UserId) -> None:
        """Remove all entries of the user's personal log. Doing it twice is no error. What they wrote in conversations
        stays: it belongs to the others too.
        """
