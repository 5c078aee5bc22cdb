"""`svc_message.domain.changes.Privacy`: what users let others know, asked of the user service and kept for a while."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.questions import Questions
from parley.directory.v1.directory_service_pb2 import GetProfilesRequest
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.domain.conversation import UserId

VALID_S: Final = 60.0
"""How long an answer holds: who begins to hide is hidden everywhere after this time."""

CAPACITY: Final = 100_000
"""Users of whom an answer is kept, about 150 bytes each; then the memory begins anew."""


class DirectoryPrivacy:
    """Asks UserDirectoryService, for all who wait at once."""

    def __init__(self, directory: UserDirectoryServiceStub, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._known: dict[UserId, tuple[bool, float]] = {}
        self._questions = Questions(self._ask)

    async def hiding(self, user_ids: Collection[UserId]) -> set[UserId]:
        """See the port."""
        now = self._clock.monotonic()
        hiding: set[UserId] = set()
        for user_id in user_ids:
            hides, until = self._known.get(user_id, (True, 0.0))
            if now >= until:
                hides = await self._questions.answer(user_id)
            if hides:
                hiding.add(user_id)
        return hiding

    async def _ask(self, user_ids: Sequence[UserId]) -> Mapping[UserId, bool]:
        profiles = (await self._directory.GetProfiles(GetProfilesRequest(user_ids=user_ids))).profiles
        open_ = {profile.user_id for profile in profiles if not profile.hide_read_receipts}
        hides = {user_id: user_id not in open_ for user_id in user_ids}
        if len(self._known) + len(hides) > CAPACITY:
            self._known.clear()
        until = self._clock.monotonic() + VALID_S
        self._known.update((user_id, (one, until)) for user_id, one in hides.items())
        return hides
