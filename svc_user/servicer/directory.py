"""`parley.directory.v1.UserDirectoryService`."""

from typing import Final

from mesh.caller import Caller
from parley.directory.v1 import directory_service_pb2 as pb
from parley.user.v1 import session_pb2, user_pb2
from svc_user.application.directory import Assistants, Contact, Directory
from svc_user.application.privacy import OwnPrivacy
from svc_user.application.push import Push, UserTargets
from svc_user.domain.account import Account, Profile, UserId
from svc_user.domain.privacy import SeenAs
from svc_user.domain.session import SessionId

DEFAULT_PEOPLE: Final = 50
MAX_PEOPLE: Final = 500


class DirectoryServicer:
    """What other services ask about people."""

    def __init__(self, directory: Directory, assistants: Assistants, privacy: OwnPrivacy, push: Push) -> None:
        self._directory = directory
        self._assistants = assistants
        self._privacy = privacy
        self._push = push

    async def check_contact(self, request: pb.CheckContactRequest, caller: Caller) -> pb.CheckContactResponse:
        """Say who may write to whom."""
        pairs = [(UserId(pair.sender_id), UserId(pair.receiver_id)) for pair in request.pairs]
        return pb.CheckContactResponse(contacts=[_contact(one) for one in await self._directory.contacts(pairs)])

    async def check_presence(self, request: pb.CheckPresenceRequest, caller: Caller) -> pb.CheckPresenceResponse:
        """Say whose presence a user may see."""
        users = [UserId(user_id) for user_id in request.user_ids]
        visible = await self._directory.visible(UserId(request.watcher_id), users)
        return pb.CheckPresenceResponse(visible_user_ids=visible)

    async def get_profiles(self, request: pb.GetProfilesRequest, caller: Caller) -> pb.GetProfilesResponse:
        """Return profiles."""
        accounts = await self._directory.profiles([UserId(user_id) for user_id in request.user_ids])
        return pb.GetProfilesResponse(profiles=[_profile(account) for account in accounts])

    async def ensure_assistant(self, request: pb.EnsureAssistantRequest, caller: Caller) -> pb.EnsureAssistantResponse:
        """Make or update an assistant's account."""
        profile = Profile(request.display_name, avatar_media_id=request.avatar_media_id, bio=request.bio)
        user_id, created = await self._assistants.ensure(request.username, profile)
        return pb.EnsureAssistantResponse(user_id=user_id, created=created)

    async def list_people(self, request: pb.ListPeopleRequest, caller: Caller) -> pb.ListPeopleResponse:
        """List who can log in."""
        limit = min(request.limit or DEFAULT_PEOPLE, MAX_PEOPLE)
        return pb.ListPeopleResponse(user_ids=await self._directory.people(UserId(request.after_user_id), limit))

    async def list_bots(self, request: pb.ListBotsRequest, caller: Caller) -> pb.ListBotsResponse:
        """List bots."""
        limit = min(request.limit or DEFAULT_PEOPLE, MAX_PEOPLE)
        return pb.ListBotsResponse(user_ids=await self._directory.bots(UserId(request.after_user_id), limit))

    async def check_sessions(self, request: pb.CheckSessionsRequest, caller: Caller) -> pb.CheckSessionsResponse:
        """Say which sessions are live."""
        live, ends = await self._directory.sessions([SessionId(session_id) for session_id in request.session_ids])
        ended = [
            pb.EndedSession(session_id=session_id, end=session_pb2.SessionEnd.ValueType(end))
            for session_id, end in ends.items()
        ]
        return pb.CheckSessionsResponse(live_session_ids=live, ended=ended)

    async def set_seen_as(self, request: pb.SetSeenAsRequest, caller: Caller) -> pb.SetSeenAsResponse:
        """Keep how a user wants to be seen."""
        await self._privacy.be_seen_as(UserId(request.user_id), SeenAs(request.seen_as))
        return pb.SetSeenAsResponse()

    async def list_push_targets(self, request: pb.ListPushTargetsRequest, caller: Caller) -> pb.ListPushTargetsResponse:
        """Say where notifications go."""
        found = await self._push.of([UserId(user_id) for user_id in request.user_ids])
        return pb.ListPushTargetsResponse(users=[_targets(one) for one in found])

    async def forget_push_target(
        self, request: pb.ForgetPushTargetRequest, caller: Caller
    ) -> pb.ForgetPushTargetResponse:
        """Forget where notifications went."""
        await self._push.forget(UserId(request.user_id), request.target.provider, request.target.token)
        return pb.ForgetPushTargetResponse()


def _contact(contact: Contact) -> pb.Contact:
    return pb.Contact(
        verdict=pb.ContactVerdict.ValueType(contact.verdict),
        friends=contact.friends,
        receiver_is_assistant=contact.receiver_is_assistant,
        sender_is_bot=contact.sender_is_bot,
    )


def _targets(found: UserTargets) -> pb.UserPushTargets:
    targets = [
        session_pb2.PushTarget(
            device_id=one.device_id,
            provider=session_pb2.PushProvider.ValueType(one.provider),
            token=one.token,
            app_id=one.app_id,
            hide_content=found.hide_content,
        )
        for one in found.targets
    ]
    return pb.UserPushTargets(user_id=found.user_id, targets=targets)


def _profile(account: Account) -> pb.DirectoryProfile:
    return pb.DirectoryProfile(
        user_id=account.user_id,
        username=account.shown_name,
        display_name=account.profile.display_name,
        avatar_media_id=account.profile.avatar_media_id,
        locale=account.profile.locale,
        state=user_pb2.UserState.ValueType(account.state),
        kind=user_pb2.UserKind.ValueType(account.kind),
        add_me_to_groups=user_pb2.Audience.ValueType(account.privacy.add_me_to_groups),
        hide_read_receipts=account.privacy.hide_read_receipts,
        version=account.version,
        seen_as=user_pb2.SeenAs.ValueType(account.privacy.seen_as),
        seen_as_at_ms=account.privacy.seen_as_at_ms,
    )
