"""Live settings as the user service answers them to a node that asks."""

from typing import Final

from mesh.caller import Caller
from mesh.deeds import Deed
from mesh.live import LiveSettings
from mesh.live_follow import to_message
from parley.admin.v1 import live_settings_service_pb2 as pb

LIVE: Final = pb.DESCRIPTOR.services_by_name["LiveSettingsService"]


class NoAudit:
    """No administrator calls here."""

    async def record(self, deed: Deed) -> str:
        """Refuse to."""
        raise NotImplementedError(deed.action)


class LiveSettingsServicer:
    """Answers what a test sets."""

    def __init__(self) -> None:
        self.settings = LiveSettings()

    async def fetch_live_settings(
        self, request: pb.FetchLiveSettingsRequest, caller: Caller
    ) -> pb.FetchLiveSettingsResponse:
        """Answer settings of another version."""
        newer = request.known_version != self.settings.version
        return pb.FetchLiveSettingsResponse(settings=to_message(self.settings) if newer else None)
