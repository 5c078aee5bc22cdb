"""The user service as this one uses it: who exists, and who lets whom add them to groups."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from mesh import errors
from parley.directory.v1 import directory_service_pb2, directory_service_pb2_grpc
from parley.user.v1 import user_pb2
from svc_group.domain.group import UserId
from svc_group.domain.member import Consent, Person
from svc_group.domain.reasons import Reason

MAX_AT_ONCE: Final = 500
"""Users in one question, as the contract says."""

TIMEOUT_S: Final = 5.0

Profile = directory_service_pb2.DirectoryProfile
Contact = directory_service_pb2.Contact


class UserDirectory:
    """`Directory` over `UserDirectoryService`."""

    def __init__(self, stub: directory_service_pb2_grpc.UserDirectoryServiceStub) -> None:
        self._stub = stub

    async def people(self, inviter_id: UserId, user_ids: Collection[UserId]) -> dict[UserId, Person]:
        """Whether each lets the inviter add them; asked in parts, all at once."""
        parts = [self._part(inviter_id, part) for part in _parts(list(dict.fromkeys(user_ids)))]
        found: dict[UserId, Person] = {}
        for people in await asyncio.gather(*parts):
            found |= people
        return found

    async def programs(self, user_ids: Collection[UserId]) -> set[UserId]:
        """See the port."""
        parts = [self._profiles(part) for part in _parts(list(dict.fromkeys(user_ids)))]
        profiles = [profile for part in await asyncio.gather(*parts) for profile in part.values()]
        return {UserId(profile.user_id) for profile in profiles if profile.kind in _PROGRAMS}

    async def bots(self, after: str, limit: int) -> list[UserId]:
        """See the port."""
        request = directory_service_pb2.ListBotsRequest(after_user_id=after, limit=limit)
        return [UserId(one) for one in (await self._stub.ListBots(request, timeout=TIMEOUT_S)).user_ids]

    async def _part(self, inviter_id: UserId, user_ids: Sequence[UserId]) -> dict[UserId, Person]:
        profiles, contacts = await asyncio.gather(self._profiles(user_ids), self._contacts(inviter_id, user_ids))
        people: dict[UserId, Person] = {}
        for user_id, contact in zip(user_ids, contacts, strict=True):
            profile = profiles.get(user_id, Profile())
            consent = Consent.ADD if user_id == inviter_id else _consent(profile, contact)
            people[user_id] = Person(user_id, profile.display_name, consent, profile.kind == user_pb2.USER_KIND_BOT)
        return people

    async def _profiles(self, user_ids: Sequence[UserId]) -> dict[str, Profile]:
        request = directory_service_pb2.GetProfilesRequest(user_ids=user_ids)
        answer = await self._stub.GetProfiles(request, timeout=TIMEOUT_S)
        return {profile.user_id: profile for profile in answer.profiles}

    async def _contacts(self, inviter_id: UserId, user_ids: Sequence[UserId]) -> Sequence[Contact]:
        pair = directory_service_pb2.ContactPair
        pairs = [pair(sender_id=inviter_id, receiver_id=user_id) for user_id in user_ids]
        request = directory_service_pb2.CheckContactRequest(pairs=pairs)
        contacts = (await self._stub.CheckContact(request, timeout=TIMEOUT_S)).contacts
        if any(found.verdict == directory_service_pb2.CONTACT_VERDICT_SENDER_UNAVAILABLE for found in contacts):
            raise errors.unauthenticated(Reason.TOKEN_INVALID, "this account cannot be used")
        return contacts


_REFUSING: Final = frozenset(
    {
        directory_service_pb2.CONTACT_VERDICT_UNSPECIFIED,
        directory_service_pb2.CONTACT_VERDICT_RECEIVER_SUSPENDED,
        directory_service_pb2.CONTACT_VERDICT_BLOCKED_BY_RECEIVER,
        directory_service_pb2.CONTACT_VERDICT_BLOCKED_BY_SENDER,
    }
)
_PROGRAMS: Final = frozenset({user_pb2.USER_KIND_BOT, user_pb2.USER_KIND_ASSISTANT})
_GONE: Final = frozenset(
    {
        directory_service_pb2.CONTACT_VERDICT_RECEIVER_UNKNOWN,
        directory_service_pb2.CONTACT_VERDICT_RECEIVER_DELETED,
    }
)


def _consent(profile: Profile, contact: Contact) -> Consent:
    """What the two answers come to. NOT_ACCEPTED is about direct messages, so groups go by their own setting."""
    if contact.verdict in _GONE or profile.state in (user_pb2.USER_STATE_UNSPECIFIED, user_pb2.USER_STATE_DELETED):
        return Consent.UNKNOWN
    if contact.verdict in _REFUSING:
        return Consent.REFUSE
    # A program has nobody to ask.
    program = contact.receiver_is_assistant or profile.kind == user_pb2.USER_KIND_BOT
    if program or profile.add_me_to_groups == user_pb2.AUDIENCE_EVERYONE:
        return Consent.ADD
    by_friends = profile.add_me_to_groups != user_pb2.AUDIENCE_NOBODY
    return Consent.ADD if by_friends and contact.friends else Consent.ASK


def _parts(user_ids: Sequence[UserId]) -> Iterator[Sequence[UserId]]:
    for start in range(0, len(user_ids), MAX_AT_ONCE):
        yield user_ids[start : start + MAX_AT_ONCE]
