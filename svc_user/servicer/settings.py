"""`parley.user.v1.SettingsService`."""

from typing import Any

from mesh.caller import Caller
from mesh.clock import Clock
from parley.user.v1 import settings_service_pb2 as pb
from parley.user.v1 import user_pb2
from svc_user.application.privacy import OwnPrivacy
from svc_user.application.push import Push
from svc_user.domain.account import UserId
from svc_user.domain.privacy import Audience, Privacy, SeenAs
from svc_user.domain.push import PushTarget
from svc_user.domain.session import DeviceId, SessionId

KINDS: dict[str, type[Audience | SeenAs]] = {
    "write_to_me": Audience,
    "find_me": Audience,
    "befriend_me": Audience,
    "add_me_to_groups": Audience,
    "see_presence": Audience,
    "see_birthday": Audience,
    "seen_as": SeenAs,
}
"""Settings that are one of several; the others are true or false."""


class SettingsServicer:
    """What users let others see, and where their notifications go."""

    def __init__(self, privacy: OwnPrivacy, push: Push, clock: Clock) -> None:
        self._privacy = privacy
        self._push = push
        self._clock = clock

    async def get_privacy_settings(
        self, request: pb.GetPrivacySettingsRequest, caller: Caller
    ) -> pb.GetPrivacySettingsResponse:
        """Return the caller's settings."""
        return pb.GetPrivacySettingsResponse(settings=_settings(await self._privacy.get(UserId(caller.user_id))))

    async def update_privacy_settings(
        self, request: pb.UpdatePrivacySettingsRequest, caller: Caller
    ) -> pb.UpdatePrivacySettingsResponse:
        """Change the caller's settings."""
        changes = {path: _value(path, getattr(request.settings, path)) for path in request.update_mask.paths}
        after = await self._privacy.edit(UserId(caller.user_id), changes, request.expected_version)
        return pb.UpdatePrivacySettingsResponse(settings=_settings(after))

    async def set_push_target(self, request: pb.SetPushTargetRequest, caller: Caller) -> pb.SetPushTargetResponse:
        """Keep where notifications for the calling device go."""
        target = PushTarget(
            session_id=SessionId(caller.session_id),
            user_id=UserId(caller.user_id),
            device_id=DeviceId(caller.device_id),
            provider=int(request.provider),
            token=request.token,
            app_id=request.app_id,
            set_at_ms=self._clock.now_ms(),
        )
        await self._push.keep(target)
        return pb.SetPushTargetResponse()

    async def remove_push_target(
        self, request: pb.RemovePushTargetRequest, caller: Caller
    ) -> pb.RemovePushTargetResponse:
        """Send none to the calling device any more."""
        await self._push.remove(SessionId(caller.session_id))
        return pb.RemovePushTargetResponse()


def _value(path: str, value: Any) -> Any:
    """A setting as the domain has it; None goes back to the default."""
    kind = KINDS.get(path)
    if kind is None:
        return bool(value)
    return kind(value) if value else None


def _settings(privacy: Privacy) -> user_pb2.PrivacySettings:
    chosen = {path: int(getattr(privacy, path)) for path in KINDS}
    return user_pb2.PrivacySettings(
        hide_read_receipts=privacy.hide_read_receipts,
        hide_push_content=privacy.hide_push_content,
        version=privacy.version,
        **chosen,  # type: ignore[arg-type]  # enums of the contract have the numbers of the domain
    )
