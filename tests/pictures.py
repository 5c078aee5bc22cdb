"""The media service as its neighbours meet it: pictures of users, and a refusal for everything else."""

from dataclasses import dataclass, field

from mesh import errors
from mesh.caller import Caller
from mesh.errors import MeshError
from parley.media.v1.media_service_pb2 import CheckAvatarRequest, CheckAvatarResponse

UNKNOWN = errors.not_found("MEDIA_NOT_FOUND", "no such media, or you may not see it")


@dataclass
class Pictures:
    """Who may set which picture; `asked` is each question."""

    own: set[tuple[str, str]] = field(default_factory=set)
    """(user, media)."""
    refusal: MeshError = UNKNOWN
    asked: list[tuple[str, str]] = field(default_factory=list)


class MediaServicer:
    """MediaService, as far as pictures need it."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    async def check_avatar(self, request: CheckAvatarRequest, caller: Caller) -> CheckAvatarResponse:
        """Answer, or refuse."""
        self._pictures.asked.append((request.user_id, request.media_id))
        if (request.user_id, request.media_id) not in self._pictures.own:
            raise self._pictures.refusal
        return CheckAvatarResponse()
