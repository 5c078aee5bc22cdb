"""`parley.admin.v1.LiveSettingsService`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mesh.caller import Caller
from mesh.live import LiveSettings
from mesh.live_follow import from_message, to_message
from parley.admin.v1 import live_settings_service_pb2 as pb
from svc_user.application.live import Tuning


class LiveSettingsServicer:
    """Settings of the running installation."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning

    async def get_live_settings(self, request: pb.GetLiveSettingsRequest, caller: Caller) -> pb.GetLiveSettingsResponse:
        """Show them."""
        settings = await self._tuning.latest()
        return pb.GetLiveSettingsResponse(settings=to_message(settings, words=not request.without_words))

    async def update_live_settings(
        self, request: pb.UpdateLiveSettingsRequest, caller: Caller
    ) -> pb.UpdateLiveSettingsResponse:
        """Change some."""
        settings = await self._tuning.change(_edit(request), request.expected_version)
        return pb.UpdateLiveSettingsResponse(settings=to_message(settings, words=False))

    async def fetch_live_settings(
        self, request: pb.FetchLiveSettingsRequest, caller: Caller
    ) -> pb.FetchLiveSettingsResponse:
        """Answer a node that asks for newer ones."""
        newer = await self._tuning.await_newer(request.known_version, request.wait_ms / 1_000)
        return pb.FetchLiveSettingsResponse(settings=to_message(newer) if newer is not None else None)


def _edit(request: pb.UpdateLiveSettingsRequest) -> Callable[[LiveSettings], LiveSettings]:
    wanted = from_message(request.settings)
    changes: dict[str, Any] = {path: getattr(wanted, path) for path in request.update_mask.paths}
    return lambda settings: replace(settings, **changes)
