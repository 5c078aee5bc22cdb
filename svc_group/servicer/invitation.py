"""InvitationService: the ways into a group."""

from typing import Final

from mesh.caller import Caller
from parley.group.v1 import invitation_service_pb2
from svc_group.application.invite import Inviting
from svc_group.application.join import Joining
from svc_group.application.limits import Limits
from svc_group.application.links import Linking, LinkWish
from svc_group.application.read import Reading
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import JoinRequest
from svc_group.servicer import messages

MS: Final = 1_000


class InvitationServicer:
    """Brings people into groups."""

    def __init__(
        self,
        inviting: Inviting,
        joining: Joining,
        linking: Linking,
        reading: Reading,
        limits: Limits,
        web_address: str,
    ) -> None:
        self._web_address = web_address
        self._inviting = inviting
        self._joining = joining
        self._linking = linking
        self._reading = reading
        self._limits = limits

    async def invite_members(
        self, request: invitation_service_pb2.InviteMembersRequest, caller: Caller
    ) -> invitation_service_pb2.InviteMembersResponse:
        """Add users, or ask them."""
        user_ids = [UserId(user_id) for user_id in request.user_ids]
        invited = await self._inviting.invite(
            UserId(caller.user_id), GroupId(request.group_id), user_ids, request.greeting
        )
        return invitation_service_pb2.InviteMembersResponse(
            added_user_ids=invited.added,
            pending=map(messages.join_request, invited.pending),
            skipped=map(messages.skipped, invited.skipped),
        )

    async def create_invite_link(
        self, request: invitation_service_pb2.CreateInviteLinkRequest, caller: Caller
    ) -> invitation_service_pb2.CreateInviteLinkResponse:
        """Make a link."""
        wish = LinkWish(request.ttl_seconds * MS, request.max_uses, request.needs_approval)
        link = await self._linking.create(UserId(caller.user_id), GroupId(request.group_id), request.request_id, wish)
        return invitation_service_pb2.CreateInviteLinkResponse(invitation=messages.invitation(link, self._web_address))

    async def list_invite_links(
        self, request: invitation_service_pb2.ListInviteLinksRequest, caller: Caller
    ) -> invitation_service_pb2.ListInviteLinksResponse:
        """List live links."""
        links, token = await self._linking.page(
            UserId(caller.user_id), GroupId(request.group_id), request.page_size, request.page_token
        )
        invitations = [messages.invitation(link, self._web_address) for link in links]
        return invitation_service_pb2.ListInviteLinksResponse(invitations=invitations, next_page_token=token)

    async def revoke_invite_link(
        self, request: invitation_service_pb2.RevokeInviteLinkRequest, caller: Caller
    ) -> invitation_service_pb2.RevokeInviteLinkResponse:
        """Stop a link from working."""
        await self._linking.revoke(UserId(caller.user_id), request.invitation_id)
        return invitation_service_pb2.RevokeInviteLinkResponse()

    async def join_group(
        self, request: invitation_service_pb2.JoinGroupRequest, caller: Caller
    ) -> invitation_service_pb2.JoinGroupResponse:
        """Let the caller in, or ask for them."""
        user_id = UserId(caller.user_id)
        if request.WhichOneof("by") == "token":
            outcome = await self._joining.by_token(user_id, request.token, request.answer)
        else:
            outcome = await self._joining.by_id(user_id, GroupId(request.group_id), request.answer)
        if isinstance(outcome, JoinRequest):
            return invitation_service_pb2.JoinGroupResponse(pending=messages.join_request(outcome))
        return invitation_service_pb2.JoinGroupResponse(joined=messages.group(outcome, self._limits.members))

    async def decline_invitation(
        self, request: invitation_service_pb2.DeclineInvitationRequest, caller: Caller
    ) -> invitation_service_pb2.DeclineInvitationResponse:
        """Refuse an invitation."""
        await self._joining.decline(UserId(caller.user_id), GroupId(request.group_id))
        return invitation_service_pb2.DeclineInvitationResponse()

    async def answer_join_request(
        self, request: invitation_service_pb2.AnswerJoinRequestRequest, caller: Caller
    ) -> invitation_service_pb2.AnswerJoinRequestResponse:
        """Let somebody in who asked, or refuse."""
        answered = await self._joining.answer(
            UserId(caller.user_id), GroupId(request.group_id), UserId(request.user_id), accept=request.accept
        )
        return invitation_service_pb2.AnswerJoinRequestResponse(join_request=messages.join_request(answered))

    async def list_join_requests(
        self, request: invitation_service_pb2.ListJoinRequestsRequest, caller: Caller
    ) -> invitation_service_pb2.ListJoinRequestsResponse:
        """List join requests."""
        requests, token = await self._reading.join_requests(
            UserId(caller.user_id),
            request.group_id,
            request.page_size,
            request.page_token,
            pending_only=request.pending_only,
        )
        join_requests = map(messages.join_request, requests)
        return invitation_service_pb2.ListJoinRequestsResponse(join_requests=join_requests, next_page_token=token)
