"""What is removed for good when a user is deleted."""

from typing import Protocol

from svc_message.domain.conversation import UserId


class Erasures(Protocol):
    """Removes what concerned one user alone. UNAVAILABLE when the store cannot answer."""

    async def belongings(self, user_id: UserId) -> None:
        """Remove what the user has of conversations, quiet hours and messages that wait, however much it is.

        Doing it twice is no error; of others nothing goes. A message that is claimed goes too: whoever is about to send
        it finds none.
        """

    async def personal_log(self, user_id: UserId) -> None:
        """Remove all entries of the user's personal log. Doing it twice is no error. What they wrote in conversations
        stays: it belongs to the others too.
        """
