"""ReportService and ReportAdminService: what users tell the moderators, and what these make of it."""

from collections.abc import Sequence

from mesh.caller import Caller
from parley.message.v1.entry_pb2 import Entry
from parley.report.v1 import report_admin_service_pb2 as admin_pb
from parley.report.v1 import report_pb2
from parley.report.v1 import report_service_pb2 as pb
from svc_message.application.administration.report import Deciding, Reporting
from svc_message.application.reading.history import page_size
from svc_message.domain.administration.report import Report, ReportQuery, ReportState, SubjectKind
from svc_message.domain.conversation import UserId
from svc_message.servicer import tokens


class ReportServicer:
    """RPCs of ReportService."""

    def __init__(self, reporting: Reporting) -> None:
        self._reporting = reporting

    async def report_user(self, request: pb.ReportUserRequest, caller: Caller) -> pb.ReportUserResponse:
        """Report a user."""
        reporter = UserId(caller.user_id)
        report_id = await self._reporting.subject(reporter, SubjectKind.USER, request.user_id, request.explanation)
        return pb.ReportUserResponse(report_id=report_id)

    async def report_group(self, request: pb.ReportGroupRequest, caller: Caller) -> pb.ReportGroupResponse:
        """Report a group."""
        reporter = UserId(caller.user_id)
        report_id = await self._reporting.subject(reporter, SubjectKind.GROUP, request.group_id, request.explanation)
        return pb.ReportGroupResponse(report_id=report_id)

    async def list_my_reports(self, request: pb.ListMyReportsRequest, caller: Caller) -> pb.ListMyReportsResponse:
        """List the caller's reports."""
        size = page_size(request.page_size)
        found = await self._reporting.mine(UserId(caller.user_id), tokens.word(request, caller), size + 1)
        shown = [to_report(one, admin=False) for one in found[:size]]
        return pb.ListMyReportsResponse(
            reports=shown, next_page_token=tokens.encode(request, caller, _last(found, size))
        )


class ReportAdminServicer:
    """RPCs of ReportAdminService."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding

    async def list_reports(self, request: admin_pb.ListReportsRequest, caller: Caller) -> admin_pb.ListReportsResponse:
        """List reports."""
        size = page_size(request.page_size)
        query = ReportQuery(
            ReportState(request.state) if request.state else None,
            request.subject_id,
            request.reporter_id,
            tokens.word(request, caller),
            size + 1,
        )
        found = await self._deciding.find(query)
        shown = [to_report(one, admin=True) for one in found[:size]]
        return admin_pb.ListReportsResponse(
            reports=shown, next_page_token=tokens.encode(request, caller, _last(found, size))
        )

    async def get_report(self, request: admin_pb.GetReportRequest, caller: Caller) -> admin_pb.GetReportResponse:
        """Show one report."""
        report = await self._deciding.get(request.report_id)
        return admin_pb.GetReportResponse(report=to_report(report, admin=True))

    async def decide_report(
        self, request: admin_pb.DecideReportRequest, caller: Caller
    ) -> admin_pb.DecideReportResponse:
        """Decide a report."""
        state = ReportState(request.state)
        report = await self._deciding.decide(request.report_id, state, caller.user_id, request.answer)
        return admin_pb.DecideReportResponse(report=to_report(report, admin=True))


def to_report(report: Report, *, admin: bool) -> report_pb2.Report:
    """A report as the moderators or its reporter may see it."""
    return report_pb2.Report(
        report_id=report.report_id,
        reporter_id=report.reporter_id,
        subject_kind=report_pb2.SubjectKind.ValueType(report.subject_kind),
        subject_id=report.subject_id,
        seq=report.seq,
        explanation=report.explanation,
        created_at_ms=report.created_at_ms,
        state=report_pb2.ReportState.ValueType(report.state),
        decided_at_ms=report.decided_at_ms,
        decided_by=report.decided_by if admin else "",
        answer=report.answer,
        evidence=[Entry.FromString(entry) for entry in report.evidence] if admin else (),
    )


def _last(found: Sequence[Report], size: int) -> str:
    """Where the next page begins, if one more was found than this one holds; empty: there is no more."""
    return found[size - 1].report_id if len(found) > size else ""
