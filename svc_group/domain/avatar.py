"""Pictures of groups, which are media of who sets them."""

from typing import Protocol

from svc_group.domain.group import UserId


class Avatars(Protocol):
    """Media that were uploaded as avatars."""

    async def check(self, user_id: UserId, media_id: str) -> None:
        """Return when the user may set this picture.

        Raises MEDIA_NOT_FOUND (also for somebody else's), MEDIA_WRONG_PURPOSE and MEDIA_NOT_READY, and UNAVAILABLE when
        nobody can say.
        """
