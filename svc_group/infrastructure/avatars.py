"""The media service as a neighbour: `svc_group.domain.avatar.Avatars`."""

from parley.media.v1.media_service_pb2 import CheckAvatarRequest
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from svc_group.domain.group import UserId


class MediaAvatars:
    """Asks MediaService, and raises what it answers."""

    def __init__(self, media: MediaServiceStub) -> None:
        self._media = media

    async def check(self, user_id: UserId, media_id: str) -> None:
        """See the port."""
        await self._media.CheckAvatar(CheckAvatarRequest(user_id=user_id, media_id=media_id))
