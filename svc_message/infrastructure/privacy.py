"""`svc_message.domain.posts.changes.Privacy`: what users let others know, asked of the user service and kept."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.questions import MAX_KEYS, Questions
from parley.directory.v1.directory_service_pb2 import CheckPresenceRequest, GetProfilesRequest
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.domain.conversation import UserId

VALID_S: Final = 60.0
"""How long an answer holds. This node is told when the settings of a user change; should that word be lost, who begins
to hide is hidden after this time.
"""

CAPACITY: Final = 100_000
"""Users of whom an answer is kept, about 150 bytes each; then the memory begins anew."""

UNKNOWN: Final = (True, 0.0)
"""What is kept of a user of whom nothing is known: it holds no more."""


class DirectoryPrivacy:
    """Asks UserDirectoryService, for all who wait at once."""

    def __init__(self, directory: UserDirectoryServiceStub, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._known: dict[UserId, tuple[bool, float]] = {}
        self._questions = Questions(self._ask)
        self._age = 0

    async def hiding(self, user_ids: Collection[UserId]) -> set[UserId]:
        """See the port."""
        now = self._clock.monotonic()
        known = {user_id: self._known.get(user_id, UNKNOWN) for user_id in user_ids}
        unknown = [user_id for user_id, (_, until) in known.items() if now >= until]
        # All at once, so that they go in one call.
        answers = await asyncio.gather(*map(self._questions.answer, unknown)) if unknown else ()
        asked = {user_id for user_id, hides in zip(unknown, answers, strict=True) if hides}
        return asked | {user_id for user_id, (hides, until) in known.items() if hides and now < until}

    def forget(self, user_id: str) -> None:
        """The settings of this user changed, or with "" those of anybody: ask again. Answers under way may be older."""
        self._age += 1
        if user_id:
            self._known.pop(UserId(user_id), None)
        else:
            self._known.clear()

    async def showing_presence(self, watcher_id: UserId, user_ids: Collection[UserId]) -> set[UserId]:
        """See the port. Asked each time: whoever needs it asks seldom."""
        every, found = list(user_ids), set[UserId]()
        for start in range(0, len(every), MAX_KEYS):
            request = CheckPresenceRequest(watcher_id=watcher_id, user_ids=every[start : start + MAX_KEYS])
            found.update(map(UserId, (await self._directory.CheckPresence(request)).visible_user_ids))
        return found

    async def _ask(self, user_ids: Sequence[UserId]) -> Mapping[UserId, bool]:
        age = self._age
        profiles = (await self._directory.GetProfiles(GetProfilesRequest(user_ids=user_ids))).profiles
        open_ = {profile.user_id for profile in profiles if not profile.hide_read_receipts}
        hides = {user_id: user_id not in open_ for user_id in user_ids}
        if len(self._known) + len(hides) > CAPACITY:
            self._known.clear()
        if age == self._age:  # else the answer may be older than the word that something has changed
            until = self._clock.monotonic() + VALID_S
            self._known.update((user_id, (one, until)) for user_id, one in hides.items())
        return hides
