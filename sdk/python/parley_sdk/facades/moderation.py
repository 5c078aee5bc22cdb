from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from parley.admin.v1 import (
    group_admin_service_pb2,
    group_admin_service_pb2_grpc,
    message_admin_service_pb2,
    message_admin_service_pb2_grpc,
)
from parley.group.v1 import group_pb2
from parley.report.v1 import report_admin_service_pb2, report_admin_service_pb2_grpc, report_pb2
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls


class Moderation:
    """What administrators do with messages, groups and reports. Not open at the edge."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def reports(
        self,
        *,
        state: report_pb2.ReportState.ValueType = report_pb2.REPORT_STATE_OPEN,
        subject_id: str = "",
        limit: int = 50,
    ) -> list[report_pb2.Report]:
        """Return reports without evidence, the newest first."""

        async def page(token: str) -> tuple[Sequence[report_pb2.Report], str]:
            request = report_admin_service_pb2.ListReportsRequest(
                state=state, subject_id=subject_id, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._reports().ListReports, request)
            return response.reports, response.next_page_token

        return await gather(page, limit)

    async def report(self, report_id: str) -> report_pb2.Report:
        """Return a report with its evidence. Reasons: REPORT_NOT_FOUND."""
        request = report_admin_service_pb2.GetReportRequest(report_id=report_id)
        return (await self._calls.unary(self._reports().GetReport, request)).report

    async def decide(self, report_id: str, reason: str, *, upheld: bool, answer: str = "") -> None:
        """Decide a report; the reporter is told. Reasons: REPORT_NOT_FOUND, REPORT_CLOSED."""
        state = report_pb2.REPORT_STATE_UPHELD if upheld else report_pb2.REPORT_STATE_REJECTED
        request = report_admin_service_pb2.DecideReportRequest(
            report_id=report_id, reason=reason, state=state, answer=answer
        )
        await self._calls.unary(self._reports().DecideReport, request)

    async def read(
        self, conversation_id: str, reason: str, *, from_seq: int = 0, descending: bool = False, limit: int = 50
    ) -> message_admin_service_pb2.ReadConversationResponse:
        """Return a stretch of any conversation as it is kept. Reasons: CONVERSATION_NOT_FOUND."""
        request = message_admin_service_pb2.ReadConversationRequest(
            conversation_id=conversation_id, reason=reason, from_seq=from_seq, descending=descending, limit=limit
        )
        return await self._calls.unary(self._messages().ReadConversation, request)

    async def recall(self, conversation_id: str, seq: int, reason: str) -> int:
        """Take anybody's message back; return the seq of the recall. Reasons: ENTRY_NOT_FOUND."""
        request = message_admin_service_pb2.RecallAnyMessageRequest(
            conversation_id=conversation_id, seq=seq, reason=reason
        )
        return (await self._calls.unary(self._messages().RecallAnyMessage, request)).recall_seq

    async def broadcast(self, text: str, reason: str) -> message_admin_service_pb2.Broadcast:
        """Begin to write a text to everybody, in the background."""
        request = message_admin_service_pb2.StartBroadcastRequest(request_id=new_request_id(), text=text, reason=reason)
        return (await self._calls.unary(self._messages().StartBroadcast, request)).broadcast

    async def cancel_broadcast(self, broadcast_id: str, reason: str) -> message_admin_service_pb2.Broadcast:
        """End a broadcast where it is. Reasons: BROADCAST_NOT_FOUND."""
        request = message_admin_service_pb2.CancelBroadcastRequest(broadcast_id=broadcast_id, reason=reason)
        return (await self._calls.unary(self._messages().CancelBroadcast, request)).broadcast

    async def broadcasts(self) -> list[message_admin_service_pb2.Broadcast]:
        """Return the latest broadcasts, the newest first."""
        request = message_admin_service_pb2.ListBroadcastsRequest()
        return list((await self._calls.unary(self._messages().ListBroadcasts, request)).broadcasts)

    async def statistics(self, days: int = 30) -> list[message_admin_service_pb2.DayStatistics]:
        """Return how much was written on each day, the newest first; up to a minute old."""
        request = message_admin_service_pb2.GetStatisticsRequest(days=days)
        return list((await self._calls.unary(self._messages().GetStatistics, request)).days)

    async def find_groups(self, query: str = "", *, owner_id: str = "", limit: int = 50) -> list[group_pb2.Group]:
        """Return groups whose name holds this, the newest first."""

        async def page(token: str) -> tuple[Sequence[group_pb2.Group], str]:
            request = group_admin_service_pb2.FindGroupsRequest(
                query=query, owner_id=owner_id, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._groups().FindGroups, request)
            return response.groups, response.next_page_token

        return await gather(page, limit)

    async def get_group(self, group_id: str) -> group_admin_service_pb2.GetGroupResponse:
        """Return a group with its first members. Reasons: GROUP_NOT_FOUND."""
        request = group_admin_service_pb2.GetGroupRequest(group_id=group_id)
        return await self._calls.unary(self._groups().GetGroup, request)

    async def dissolve_group(self, group_id: str, reason: str) -> None:
        """End a group for everyone. Reasons: GROUP_NOT_FOUND."""
        request = group_admin_service_pb2.DissolveGroupRequest(group_id=group_id, reason=reason)
        await self._calls.unary(self._groups().DissolveGroup, request)

    async def suspend_group(self, group_id: str, reason: str) -> group_pb2.Group:
        """Close a group until it is restored: its members only read. Reasons: GROUP_NOT_FOUND, GROUP_DISSOLVED."""
        request = group_admin_service_pb2.SuspendGroupRequest(group_id=group_id, reason=reason)
        return (await self._calls.unary(self._groups().SuspendGroup, request)).group

    async def restore_group(self, group_id: str, reason: str) -> group_pb2.Group:
        """Open a suspended group again. Reasons: GROUP_NOT_FOUND, GROUP_DISSOLVED."""
        request = group_admin_service_pb2.RestoreGroupRequest(group_id=group_id, reason=reason)
        return (await self._calls.unary(self._groups().RestoreGroup, request)).group

    async def transfer_group(self, group_id: str, new_owner_id: str, reason: str) -> None:
        """Give a group to another member. Reasons: GROUP_NOT_FOUND, GROUP_DISSOLVED, MEMBER_NOT_FOUND."""
        request = group_admin_service_pb2.TransferGroupRequest(
            group_id=group_id, new_owner_id=new_owner_id, reason=reason
        )
        await self._calls.unary(self._groups().TransferGroup, request)

    async def limit_group(
        self,
        group_id: str,
        limits: group_pb2.GroupLimits,
        fields: Sequence[str],
        reason: str,
        expected_version: int = 0,
    ) -> group_pb2.Group:
        """Set these fields of the limits of one group; 0 is what holds for all. Return the group after it.

        Reasons: GROUP_NOT_FOUND, GROUP_DISSOLVED, VERSION_CONFLICT.
        """
        request = group_admin_service_pb2.SetGroupLimitsRequest(
            group_id=group_id,
            limits=limits,
            update_mask=FieldMask(paths=fields),
            reason=reason,
            expected_version=expected_version,
        )
        return (await self._calls.unary(self._groups().SetGroupLimits, request)).group

    def _groups(self) -> group_admin_service_pb2_grpc.GroupAdminServiceStub:
        return self._calls.stub(group_admin_service_pb2_grpc.GroupAdminServiceStub)

    def _reports(self) -> report_admin_service_pb2_grpc.ReportAdminServiceStub:
        return self._calls.stub(report_admin_service_pb2_grpc.ReportAdminServiceStub)

    def _messages(self) -> message_admin_service_pb2_grpc.MessageAdminServiceStub:
        return self._calls.stub(message_admin_service_pb2_grpc.MessageAdminServiceStub)
