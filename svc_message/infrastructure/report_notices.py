"""Decisions of reports as entries of personal logs."""

from mesh import wire
from parley.message.v1.entry_pb2 import Content, Entry
from parley.message.v1.notice_pb2 import ReportNotice
from svc_message.domain.administration.report import Report, ReportState

OUTCOMES = {
    ReportState.UPHELD: ReportNotice.OUTCOME_UPHELD,
    ReportState.REJECTED: ReportNotice.OUTCOME_REJECTED,
}


def encode(report: Report) -> bytes:
    """The content of the entry that tells a reporter of the decision, as the tail of an entry."""
    notice = ReportNotice(
        report_id=report.report_id,
        outcome=OUTCOMES[report.state],
        subject_id=report.subject_id,
        seq=report.seq,
        answer=report.answer,
    )
    return wire.field(Entry.CONTENT_FIELD_NUMBER, Content(report=notice).SerializeToString())
