"""A tiny user directory, the one neighbour of the message service and the gateway."""

import asyncio
from dataclasses import dataclass, field

from mesh import errors
from mesh.caller import Caller
from mesh.errors import MeshError
from parley.directory.v1.directory_service_pb2 import (
    CheckContactRequest,
    CheckContactResponse,
    CheckPresenceRequest,
    CheckPresenceResponse,
    CheckSessionsRequest,
    CheckSessionsResponse,
    Contact,
    ContactVerdict,
    DirectoryProfile,
    EndedSession,
    ForgetPushTargetRequest,
    ForgetPushTargetResponse,
    GetProfilesRequest,
    GetProfilesResponse,
    ListPushTargetsRequest,
    ListPushTargetsResponse,
    SetSeenAsRequest,
    SetSeenAsResponse,
    UserPushTargets,
)
from parley.user.v1.session_pb2 import PushTarget, SessionEnd

BROKEN = errors.internal("INTERNAL", "the directory does not answer this one")
"""An error that says nothing, and that its caller does not retry."""


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Directory:
    """What a test says about users: everyone may write to everyone unless it says otherwise."""

    verdicts: dict[tuple[str, str], ContactVerdict.ValueType] = field(default_factory=dict)
    failures: list[MeshError] = field(default_factory=list)
    """Errors that the next checks of contacts end with, one each."""
    hold: asyncio.Event = field(default_factory=_open)
    """Checks of contacts wait while it is clear."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a check of contacts has come."""
    asked: int = 0
    ended: set[str] = field(default_factory=set)
    """Sessions that are not alive."""
    ends: dict[str, SessionEnd.ValueType] = field(default_factory=dict)
    """Why sessions ended."""
    sessions_away: bool = False
    sessions_asked: int = 0
    hidden: set[str] = field(default_factory=set)
    """Users who hide their presence."""
    targets: dict[str, list[PushTarget]] = field(default_factory=dict)
    """Where notifications of users go."""
    targets_asked: list[str] = field(default_factory=list)
    targets_forgotten: list[tuple[str, str]] = field(default_factory=list)
    """User and token of those that are dead."""
    seen_as: dict[str, DirectoryProfile] = field(default_factory=dict)
    """How users want to be seen, where they said so."""
    profiles_away: bool = False
    profiles_asked: int = 0
    hides_reads: set[str] = field(default_factory=set)
    """Users who hide how far they have read."""


class DirectoryServicer:
    """The RPCs that the two services call."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def check_contact(self, request: CheckContactRequest, caller: Caller) -> CheckContactResponse:
        """Answer from the table."""
        self._directory.asked += 1
        self._directory.waiting.set()
        await self._directory.hold.wait()
        if self._directory.failures:
            raise self._directory.failures.pop(0)
        allowed = ContactVerdict.CONTACT_VERDICT_ALLOWED
        verdicts = [self._directory.verdicts.get((pair.sender_id, pair.receiver_id), allowed) for pair in request.pairs]
        return CheckContactResponse(contacts=[Contact(verdict=verdict) for verdict in verdicts])

    async def check_presence(self, request: CheckPresenceRequest, caller: Caller) -> CheckPresenceResponse:
        """Show all who do not hide."""
        visible = [user_id for user_id in request.user_ids if user_id not in self._directory.hidden]
        return CheckPresenceResponse(visible_user_ids=visible)

    async def get_profiles(self, request: GetProfilesRequest, caller: Caller) -> GetProfilesResponse:
        """Say how users want to be seen and who hides their reads, and nothing else of them: everyone exists."""
        self._directory.profiles_asked += 1
        if self._directory.profiles_away:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")
        return GetProfilesResponse(profiles=[self._profile(user_id) for user_id in request.user_ids])

    def _profile(self, user_id: str) -> DirectoryProfile:
        profile = DirectoryProfile(user_id=user_id)
        profile.CopyFrom(self._directory.seen_as.get(user_id, profile))
        profile.hide_read_receipts = user_id in self._directory.hides_reads
        return profile

    async def set_seen_as(self, request: SetSeenAsRequest, caller: Caller) -> SetSeenAsResponse:
        """Keep it. Who is to be told of it is the test's business."""
        profile = DirectoryProfile(user_id=request.user_id, seen_as=request.seen_as, seen_as_at_ms=1)
        self._directory.seen_as[request.user_id] = profile
        return SetSeenAsResponse()

    async def check_sessions(self, request: CheckSessionsRequest, caller: Caller) -> CheckSessionsResponse:
        """Name those that were not ended."""
        self._directory.sessions_asked += 1
        if self._directory.sessions_away:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")
        live = [session for session in request.session_ids if session not in self._directory.ended]
        ended = [
            EndedSession(session_id=session, end=self._directory.ends[session])
            for session in request.session_ids
            if session in self._directory.ends
        ]
        return CheckSessionsResponse(live_session_ids=live, ended=ended)

    async def list_push_targets(self, request: ListPushTargetsRequest, caller: Caller) -> ListPushTargetsResponse:
        """Answer from the table."""
        self._directory.targets_asked += request.user_ids
        found = {user_id: self._directory.targets.get(user_id, []) for user_id in request.user_ids}
        users = [UserPushTargets(user_id=user_id, targets=targets) for user_id, targets in found.items() if targets]
        return ListPushTargetsResponse(users=users)

    async def forget_push_target(self, request: ForgetPushTargetRequest, caller: Caller) -> ForgetPushTargetResponse:
        """Take it from the table."""
        self._directory.targets_forgotten.append((request.user_id, request.target.token))
        targets = self._directory.targets.get(request.user_id, [])
        self._directory.targets[request.user_id] = [one for one in targets if one.token != request.target.token]
        return ForgetPushTargetResponse()
