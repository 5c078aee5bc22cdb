"""Attend: be where the assistants' messages go, and follow their logs."""

from mesh.routes import Routes
from svc_ai.application.assistants import Assistants
from svc_ai.application.follow import Follower
from svc_ai.domain.reply import derived


class Attendance:
    """Makes this process the place of the assistants' devices: one device for each node, so that each gets hints."""

    def __init__(self, assistants: Assistants, routes: Routes, follower: Follower, node_id: str) -> None:
        self._assistants = assistants
        self._routes = routes
        self._follower = follower
        self._device_id = f"d{derived(f'svc_ai/{node_id}')}"
        self._epochs: dict[str, int] = {}

    async def run(self) -> None:
        """Wait for the accounts, attach, then follow the logs for ever."""
        assistants = await self._assistants.ensure()
        for assistant in assistants:
            route, _ = await self._routes.attach(assistant.user_id, self._device_id)
            self._epochs[assistant.user_id] = route.epoch
        self._follower.watch(assistants)
        await self._follower.run()

    async def leave(self) -> None:
        """Take the devices away."""
        for user_id, epoch in self._epochs.items():
            await self._routes.detach(user_id, self._device_id, epoch)
        self._epochs.clear()
