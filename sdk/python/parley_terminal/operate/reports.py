"""What operators see of reports."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from parley.report.v1 import report_pb2
from parley_sdk import Client
from parley_terminal.operate import shown

STATES: Final = {
    "all": report_pb2.REPORT_STATE_UNSPECIFIED,
    "open": report_pb2.REPORT_STATE_OPEN,
    "upheld": report_pb2.REPORT_STATE_UPHELD,
    "rejected": report_pb2.REPORT_STATE_REJECTED,
}


async def listed(client: Client, asked: Namespace) -> list[str]:
    """Reports, those that wait unless another state is named."""
    state = asked.state or "open"
    if state not in STATES:
        raise ValueError(f"the state is one of {', '.join(STATES)}")
    moderation = client.administration.moderation
    found = await moderation.reports(state=STATES[state], subject_id=asked.about, limit=asked.limit)
    return shown.listed(found, shown.report, asked)
