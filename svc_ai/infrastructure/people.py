"""`svc_ai.domain.reading.People`, by the user service's UserDirectoryService."""

from collections import OrderedDict
from typing import Final

from parley.directory.v1 import directory_service_pb2, directory_service_pb2_grpc
from parley.directory.v1.directory_service_pb2 import ContactVerdict, DirectoryProfile
from parley.user.v1.user_pb2 import USER_KIND_ASSISTANT, USER_KIND_BOT

PROGRAMS: Final = frozenset({USER_KIND_BOT, USER_KIND_ASSISTANT})
MAX_KINDS: Final = 10_000
"""Users of whom it is remembered whether they are people, which never changes; the one asked for longest ago goes."""

MAX_IDS: Final = 500
"""Profiles of one question."""

BLOCKS: Final = frozenset(
    {
        ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER,
        ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_SENDER,
        ContactVerdict.CONTACT_VERDICT_RECEIVER_DELETED,
        ContactVerdict.CONTACT_VERDICT_RECEIVER_UNKNOWN,
    }
)


class GrpcPeople:
    """Calls UserDirectoryService."""

    def __init__(self, stub: directory_service_pb2_grpc.UserDirectoryServiceStub) -> None:
        self._stub = stub
        self._people: OrderedDict[str, bool] = OrderedDict()

    async def locale(self, user_id: str) -> str:
        """See the port."""
        return next((profile.locale for profile in await self._profiles([user_id])), "")

    async def names(self, user_ids: frozenset[str]) -> dict[str, str]:
        """See the port."""
        profiles = await self._profiles(sorted(user_ids)[:MAX_IDS]) if user_ids else []
        return {profile.user_id: profile.display_name for profile in profiles if profile.display_name}

    async def is_person(self, user_id: str) -> bool:
        """See the port. Who is not known any more counts as none."""
        if user_id not in self._people:
            self._people[user_id] = any(one.kind not in PROGRAMS for one in await self._profiles([user_id]))
            if len(self._people) > MAX_KINDS:
                self._people.popitem(last=False)
        return self._people[user_id]

    async def is_reached_by(self, user_id: str, sender_id: str) -> bool:
        """See the port."""
        pair = directory_service_pb2.ContactPair(sender_id=sender_id, receiver_id=user_id)
        [contact] = (await self._stub.CheckContact(directory_service_pb2.CheckContactRequest(pairs=[pair]))).contacts
        return contact.verdict not in BLOCKS

    async def _profiles(self, user_ids: list[str]) -> list[DirectoryProfile]:
        request = directory_service_pb2.GetProfilesRequest(user_ids=user_ids)
        return list((await self._stub.GetProfiles(request)).profiles)
