"""What users want to be told, from what they have said of their conversations and of their days."""

from mesh.clock import Clock
from svc_message.domain.conversation import UserId
from svc_message.domain.own import Owns
from svc_message.domain.push.notification import Attention
from svc_message.domain.push.quiet import QuietHours, QuietStore


class Attending:
    """`svc_message.domain.push.notification.Attentions` over what is kept for each user: two reads."""

    def __init__(self, owns: Owns, quiet: QuietStore, clock: Clock) -> None:
        self._owns = owns
        self._quiet = quiet
        self._clock = clock

    async def of(self, user_id: UserId) -> Attention:
        """See the port."""
        owns = await self._owns.of_user(user_id)
        hours = (await self._quiet.of_users([user_id])).get(user_id, QuietHours())
        return Attention(
            {id_: own.muted_until_ms for id_, own in owns.items() if own.muted_until_ms},
            hours.quiet(self._clock.now_ms()),
            {id_: own.veil for id_, own in owns.items()},
        )
