"""`svc_message.domain.push.whereabouts.Whereabouts`: devices by the routes that gateways write down for them."""

from collections.abc import Collection, Mapping, Sequence

from mesh.routes import Routes
from svc_message.domain.conversation import DeviceId, UserId
from svc_message.domain.push.whereabouts import Present


class KeyValueWhereabouts:
    """Reads routes. The epoch of a route is the time at which its stream opened, or a few milliseconds later."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def devices(self, user_ids: Collection[UserId]) -> Mapping[UserId, Sequence[Present]]:
        """See the port."""
        found = await self._routes.lookup(user_ids) if user_ids else {}
        return {
            UserId(user_id): [Present(DeviceId(route.device), route.epoch) for route in routes]
            for user_id, routes in found.items()
        }
