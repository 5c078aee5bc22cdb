from __future__ import annotations

from collections.abc import Sequence

from parley.report.v1 import report_pb2, report_service_pb2, report_service_pb2_grpc
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.infrastructure.calls import Calls


class Reports:
    """What the moderators are told. Messages are reported with `messages.report`.

    The decision comes as an entry of the personal log: EntryReceived of kind `report`.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def user(self, user_id: str, explanation: str) -> str:
        """Report a user; return the id of the report. Reasons: REPORT_LIMIT_REACHED."""
        request = report_service_pb2.ReportUserRequest(user_id=user_id, explanation=explanation)
        return (await self._calls.unary(self._stub().ReportUser, request)).report_id

    async def group(self, group_id: str, explanation: str) -> str:
        """Report a group; return the id of the report. Reasons: REPORT_LIMIT_REACHED."""
        request = report_service_pb2.ReportGroupRequest(group_id=group_id, explanation=explanation)
        return (await self._calls.unary(self._stub().ReportGroup, request)).report_id

    async def mine(self, *, limit: int = 50) -> list[report_pb2.Report]:
        """Return one's own reports, the newest first."""

        async def page(token: str) -> tuple[Sequence[report_pb2.Report], str]:
            request = report_service_pb2.ListMyReportsRequest(page_size=min(limit, PAGE), page_token=token)
            response = await self._calls.unary(self._stub().ListMyReports, request)
            return response.reports, response.next_page_token

        return await gather(page, limit)

    def _stub(self) -> report_service_pb2_grpc.ReportServiceStub:
        return self._calls.stub(report_service_pb2_grpc.ReportServiceStub)
