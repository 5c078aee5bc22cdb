"""Deliver to bots in groups what they are shown, beside what is delivered to everybody else.

The others never wait for it: what an entry is about may have to be looked up. A bot gets each entry in its place, a
placeholder where it is shown nothing, so that it need not pull behind each post that is not meant for it.
"""

import contextlib
from collections.abc import Sequence
from typing import Final

from mesh.errors import MeshError
from svc_message.application.bots.sights import Sights
from svc_message.application.deliver import Deliver
from svc_message.domain.conversation import ConversationId, Room, UserId
from svc_message.domain.ports import Delivery, Outgoing
from svc_message.domain.posts.addressed import eyes_of

MAX_WAITING: Final = 10_000
"""Deliveries that may wait. Beyond it they are dropped: the bots find the gap and read the log."""


class Glances:
    """An `Outgoing` in front of another: what bots are shown of what goes to their groups."""

    def __init__(self, sights: Sights, outgoing: Outgoing) -> None:
        self._sights = sights
        self._outgoing = outgoing

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver them one after the other, so that a bot gets entries in their order."""
        shown = list[Delivery]()
        for delivery in deliveries:
            with contextlib.suppress(MeshError):  # the store is away: the bots find the gap
                shown += await self._show(delivery)
        await self._outgoing.deliver(shown)

    async def _show(self, delivery: Delivery) -> list[Delivery]:
        """The entries once for all bots who are shown the same of them."""
        bots = delivery.audience.bots if isinstance(delivery.audience, Room) else ()
        conversation_id = ConversationId(delivery.conversation_id)
        seen = await self._sights.for_each([eyes_of(bot) for bot in bots], conversation_id, delivery.entries)
        alike: dict[tuple[bytes, ...], list[UserId]] = {}
        for bot, entries in zip(bots, seen, strict=True):
            alike.setdefault(tuple(entries), []).append(bot.user_id)
        return [
            Delivery(tuple(users), delivery.conversation_id, delivery.except_device, entries)
            for entries, users in alike.items()
        ]


def to_bots(push: Deliver) -> Deliver:
    """Push only those of the deliveries that go to groups with bots."""
    return lambda deliveries: push([one for one in deliveries if isinstance(one.audience, Room)])


def unheard(deliveries: list[Delivery]) -> None:
    """Where no bot listens, nothing is shown to one."""
