"""The user service and the message service as the group service meets them: small, real servers that keep in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mesh import errors
from mesh.caller import Caller
from parley.directory.v1 import directory_service_pb2 as directory
from parley.log.v1 import log_service_pb2
from parley.message.v1 import entry_pb2, notice_pb2
from parley.user.v1 import user_pb2


@dataclass
class Directory:
    """People, and what they allow. Whoever is known is in use and lets everyone add them."""

    people: dict[str, directory.DirectoryProfile] = field(default_factory=dict)
    friends: set[frozenset[str]] = field(default_factory=set)
    blocks: set[tuple[str, str]] = field(default_factory=set)
    """(who blocked, whom)."""

    def know(
        self,
        user_id: str,
        name: str = "",
        audience: user_pb2.Audience.ValueType = user_pb2.AUDIENCE_EVERYONE,
        kind: user_pb2.UserKind.ValueType = user_pb2.USER_KIND_PERSON,
    ) -> str:
        """Make an account."""
        self.people[user_id] = directory.DirectoryProfile(
            user_id=user_id,
            display_name=name or f"name of {user_id}",
            state=user_pb2.USER_STATE_ACTIVE,
            add_me_to_groups=audience,
            kind=kind,
        )
        return user_id

    def verdict(self, sender: str, receiver: str) -> directory.ContactVerdict.ValueType:
        """Whether one may write to the other."""
        if sender not in self.people:
            return directory.CONTACT_VERDICT_SENDER_UNAVAILABLE
        if receiver not in self.people:
            return directory.CONTACT_VERDICT_RECEIVER_UNKNOWN
        if (receiver, sender) in self.blocks:
            return directory.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
        return directory.CONTACT_VERDICT_ALLOWED


class DirectoryServicer:
    """UserDirectoryService, as far as groups need it."""

    async def list_bots(self, request: directory.ListBotsRequest, caller: Caller) -> directory.ListBotsResponse:
        """List bots."""
        bots = [one.user_id for one in self._people.people.values() if one.kind == user_pb2.USER_KIND_BOT]
        later = sorted(user_id for user_id in bots if user_id > request.after_user_id)
        return directory.ListBotsResponse(user_ids=later[: request.limit])

    def __init__(self, people: Directory) -> None:
        self._people = people

    async def check_contact(
        self, request: directory.CheckContactRequest, caller: Caller
    ) -> directory.CheckContactResponse:
        """Answer each pair."""
        contacts = [
            directory.Contact(
                verdict=self._people.verdict(pair.sender_id, pair.receiver_id),
                friends=frozenset((pair.sender_id, pair.receiver_id)) in self._people.friends,
            )
            for pair in request.pairs
        ]
        return directory.CheckContactResponse(contacts=contacts)

    async def get_profiles(
        self, request: directory.GetProfilesRequest, caller: Caller
    ) -> directory.GetProfilesResponse:
        """Return who is known."""
        found = [self._people.people[id_] for id_ in request.user_ids if id_ in self._people.people]
        return directory.GetProfilesResponse(profiles=found)


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Logs:
    """All logs, and whether the service is away."""

    entries: list[log_service_pb2.Append] = field(default_factory=list)
    away: bool = False
    calls: list[int] = field(default_factory=list)
    """Bytes of each call."""
    awake: asyncio.Event = field(default_factory=_set)
    """Cleared: it takes calls and answers none."""
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until a condition on the entries holds."""
        async with asyncio.timeout(seconds), self.grown:
            await self.grown.wait_for(condition)

    def of(self, conversation_id: str) -> list[log_service_pb2.Append]:
        """One log."""
        return [entry for entry in self.entries if entry.conversation_id == conversation_id]

    def contents(self, conversation_id: str) -> list[entry_pb2.Content]:
        """What one log says."""
        return [entry.content for entry in self.of(conversation_id)]

    def memberships(self, conversation_id: str) -> list[notice_pb2.MembershipChange]:
        """The membership entries of one log."""
        return [content.membership for content in self.contents(conversation_id) if content.HasField("membership")]

    def notices(self, user_id: str) -> list[notice_pb2.GroupNotice]:
        """The group notices in a personal log."""
        return [content.group_notice for content in self.contents(user_id)]

    def roles(self, conversation_id: str) -> dict[str, int]:
        """Who is a member with which role, from the entries alone."""
        members: dict[str, int] = {}
        for change in self.memberships(conversation_id):
            members |= {member.user_id: member.role for member in (*change.added, *change.updated)}
            for user_id in change.removed_user_ids:
                members.pop(user_id)
        return members


class LogServicer:
    """LogService/Append: idempotent by conversation and number."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._seen: set[tuple[str, str, int]] = set()

    async def append(self, request: log_service_pb2.AppendRequest, caller: Caller) -> log_service_pb2.AppendResponse:
        """Keep what is new."""
        await self._logs.awake.wait()
        if self._logs.away:
            raise errors.unavailable("STORE_UNAVAILABLE", "away")
        self._logs.calls.append(request.ByteSize())
        for entry in request.appends:
            key = (caller.service, entry.conversation_id, entry.client_message_id)
            if key not in self._seen:
                self._seen.add(key)
                self._logs.entries.append(entry)
        async with self._logs.grown:
            self._logs.grown.notify_all()
        return log_service_pb2.AppendResponse(places=[log_service_pb2.AppendResponse.Place()] * len(request.appends))
