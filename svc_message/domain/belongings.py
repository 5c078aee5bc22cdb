"""What a user has for themselves alone, and what goes with their account."""

from typing import Protocol

from svc_message.domain.conversation import UserId


class Belongings(Protocol):
    """All that a store keeps for one user: what they have of conversations, quiet hours, messages that wait."""

    async def forget(self, user_id: UserId) -> None:
        """Remove it durably, however much it is; doing it again is no error. Others keep theirs.

        A message that is claimed goes too: whoever is about to send it finds none. Raises UNAVAILABLE when the store
        cannot answer; some of it may be gone then.
        """
