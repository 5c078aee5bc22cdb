from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from parley.group.v1 import (
    group_pb2,
    group_service_pb2,
    group_service_pb2_grpc,
    invitation_service_pb2,
    invitation_service_pb2_grpc,
    member_pb2,
)
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls

_AT_ONCE: Final = 1_000
"""Users of one call, as the contract says."""


class WaysIn:
    """The ways into groups: invitations, links and requests."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def invite(
        self, group_id: str, user_ids: Iterable[str], greeting: str = ""
    ) -> invitation_service_pb2.InviteMembersResponse:
        """Bring users in, a thousand a call; the answer says who was added, who was asked and who could not be.

        When a later call fails the earlier ones stand; repeating all of it adds nobody twice.
        """
        outcome = invitation_service_pb2.InviteMembersResponse()
        for some in pieces(user_ids) or [[]]:
            request = invitation_service_pb2.InviteMembersRequest(group_id=group_id, user_ids=some, greeting=greeting)
            outcome.MergeFrom(await self._calls.unary(self._invitations().InviteMembers, request))
        return outcome

    async def create_link(
        self, group_id: str, *, ttl_seconds: int = 0, max_uses: int = 0, needs_approval: bool = False
    ) -> member_pb2.Invitation:
        """Make an invitation link; its `url` is what a QR code shows.

        Reasons: ROLE_REQUIRED, INVITATION_LIMIT_REACHED.
        """
        request = invitation_service_pb2.CreateInviteLinkRequest(
            request_id=new_request_id(),
            group_id=group_id,
            ttl_seconds=ttl_seconds,
            max_uses=max_uses,
            needs_approval=needs_approval,
        )
        return (await self._calls.unary(self._invitations().CreateInviteLink, request)).invitation

    async def links(self, group_id: str, *, limit: int = PAGE) -> list[member_pb2.Invitation]:
        """Return the links that live: an admin sees all, a member their own. Reasons: NOT_MEMBER."""

        async def page(token: str) -> tuple[Sequence[member_pb2.Invitation], str]:
            request = invitation_service_pb2.ListInviteLinksRequest(
                group_id=group_id, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._invitations().ListInviteLinks, request)
            return response.invitations, response.next_page_token

        return await gather(page, limit)

    async def revoke_link(self, invitation_id: str) -> None:
        """Stop a link from working. Reasons: INVITATION_NOT_FOUND."""
        request = invitation_service_pb2.RevokeInviteLinkRequest(invitation_id=invitation_id)
        await self._calls.unary(self._invitations().RevokeInviteLink, request)

    async def behind(self, link: str) -> group_pb2.Group:
        """Return the group that a link (or its token) leads to. Reasons: INVITATION_INVALID, INVITATION_EXPIRED."""
        request = group_service_pb2.GetGroupRequest(token=token_of(link))
        stub = self._calls.stub(group_service_pb2_grpc.GroupServiceStub)
        return (await self._calls.unary(stub.GetGroup, request)).group

    async def join(
        self, group_id: str = "", *, token: str = "", answer: str = ""
    ) -> invitation_service_pb2.JoinGroupResponse:
        """Join by id, accept an invitation, or use a link (or its token). Reasons: JOIN_REFUSED, GROUP_FULL."""
        request = invitation_service_pb2.JoinGroupRequest(answer=answer)
        if token:
            request.token = token_of(token)
        else:
            request.group_id = group_id
        return await self._calls.unary(self._invitations().JoinGroup, request)

    async def decline(self, group_id: str) -> None:
        """Refuse an invitation."""
        request = invitation_service_pb2.DeclineInvitationRequest(group_id=group_id)
        await self._calls.unary(self._invitations().DeclineInvitation, request)

    async def join_requests(self, group_id: str = "", *, limit: int = PAGE) -> list[member_pb2.JoinRequest]:
        """Return who waits to get into a group, or without an id one's own requests and invitations."""

        async def page(token: str) -> tuple[Sequence[member_pb2.JoinRequest], str]:
            request = invitation_service_pb2.ListJoinRequestsRequest(
                group_id=group_id, pending_only=True, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._invitations().ListJoinRequests, request)
            return response.join_requests, response.next_page_token

        return await gather(page, limit)

    async def answer_join_request(self, group_id: str, user_id: str, *, accept: bool) -> None:
        """Let someone in or not. Reasons: ROLE_REQUIRED, JOIN_REQUEST_NOT_FOUND, JOIN_REQUEST_CLOSED, GROUP_FULL."""
        request = invitation_service_pb2.AnswerJoinRequestRequest(group_id=group_id, user_id=user_id, accept=accept)
        await self._calls.unary(self._invitations().AnswerJoinRequest, request)

    def _invitations(self) -> invitation_service_pb2_grpc.InvitationServiceStub:
        return self._calls.stub(invitation_service_pb2_grpc.InvitationServiceStub)


def pieces(user_ids: Iterable[str]) -> list[list[str]]:
    """Return users in lists that one call takes."""
    users = list(dict.fromkeys(user_ids))
    return [users[start : start + _AT_ONCE] for start in range(0, len(users), _AT_ONCE)]


def token_of(link: str) -> str:
    """Return the token of a link; of a token, itself. A token has no slash, and ends a link."""
    return link.rpartition("/")[2]
