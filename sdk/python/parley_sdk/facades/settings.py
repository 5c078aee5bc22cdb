from __future__ import annotations

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from parley.user.v1 import session_pb2, settings_service_pb2, settings_service_pb2_grpc, user_pb2
from parley_sdk.infrastructure.calls import Calls


class Settings:
    """What the user lets others see and do, and where notifications for this device go."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def privacy(self) -> user_pb2.PrivacySettings:
        """Return one's own privacy settings, defaults filled in."""
        request = settings_service_pb2.GetPrivacySettingsRequest()
        return (await self._calls.unary(self._stub().GetPrivacySettings, request)).settings

    async def change_privacy(self, *, expected_version: int = 0, **changes: Any) -> user_pb2.PrivacySettings:
        """Change settings by name: write_to_me, find_me, befriend_me, add_me_to_groups, see_presence, see_birthday
        (an Audience), hide_read_receipts, hide_push_content (bool), seen_as (a SeenAs). Reasons: VERSION_CONFLICT.
        """
        request = settings_service_pb2.UpdatePrivacySettingsRequest(
            settings=user_pb2.PrivacySettings(**changes),
            update_mask=FieldMask(paths=list(changes)),
            expected_version=expected_version,
        )
        request.settings.SetInParent()
        return (await self._calls.unary(self._stub().UpdatePrivacySettings, request)).settings

    async def be_seen_as(self, seen_as: user_pb2.SeenAs.ValueType) -> None:
        """Say how to be seen, on all devices and until it is said again; it is kept when this returns."""
        await self.change_privacy(seen_as=seen_as)

    async def set_push_target(self, provider: session_pb2.PushProvider.ValueType, token: str, app_id: str = "") -> None:
        """Say where notifications for this device go."""
        request = settings_service_pb2.SetPushTargetRequest(provider=provider, token=token, app_id=app_id)
        await self._calls.unary(self._stub().SetPushTarget, request)

    async def remove_push_target(self) -> None:
        """Have no notifications on this device."""
        request = settings_service_pb2.RemovePushTargetRequest()
        await self._calls.unary(self._stub().RemovePushTarget, request)

    def _stub(self) -> settings_service_pb2_grpc.SettingsServiceStub:
        return self._calls.stub(settings_service_pb2_grpc.SettingsServiceStub)
