"""The port to the devices that are connected."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from svc_message.domain.conversation import DeviceId, UserId


class Present(NamedTuple):
    """A device that is connected, and since when, Unix ms by the clock of its gateway."""

    device_id: DeviceId
    since_ms: int


class Whereabouts(Protocol):
    """Which devices are connected."""

    async def devices(self, user_ids: Collection[UserId]) -> Mapping[UserId, Sequence[Present]]:
        """The connected devices of each user; users without any are left out. UNAVAILABLE when nobody knows."""
