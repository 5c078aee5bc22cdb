"""`svc_message.domain.push.Attentions`: everybody listens, as long as nobody can say otherwise."""

from svc_message.domain.conversation import UserId
from svc_message.domain.push import Attention


class Listening:
    """Nothing is muted, and it is never quiet."""

    async def of(self, user_id: UserId) -> Attention:  # noqa: ARG002 - it is the same for everybody
        """See the port."""
        return Attention()
