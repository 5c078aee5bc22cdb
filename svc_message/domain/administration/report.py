"""Reports: what users tell the moderators, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.reasons import Reason

MAX_OPEN: Final = 100
"""Reports of one user that may wait for a decision. More are refused, so that nobody drowns the others' reports."""

MAX_EVIDENCE: Final = 20
"""Entries that are copied: the post and its latest edits."""

NOBODY: Final = UserId("")
"""The reporter of what the word list or a model found."""


class SubjectKind(IntEnum):
    """What a report is about. The numbers are those of the contract and of the store."""

    MESSAGE = 1
    USER = 2
    GROUP = 3


class ReportState(IntEnum):
    """Where a report stands. The numbers are those of the contract and of the store."""

    OPEN = 1
    UPHELD = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `evidence` are encoded entries, copied when it was made; `told`: the reporter knows the decision.

    Times are Unix ms; `seq` is 0 for what is no message.
    """

    report_id: str
    reporter_id: UserId
    subject_kind: SubjectKind
    subject_id: str
    seq: Seq
    explanation: str
    created_at_ms: int
    evidence: tuple[bytes, ...] = ()
    state: ReportState = ReportState.OPEN
    decided_at_ms: int = 0
    decided_by: str = ""
    answer: str = ""
    told: bool = False

    @property
    def subject(self) -> tuple[str, int]:
        """What it is about, as one value."""
        return self.subject_id, self.seq

    def decided(self, state: ReportState, by: str, answer: str, now_ms: int) -> "Report":
        """The report with its decision. The word list needs not be told."""
        told = self.reporter_id == NOBODY
        return replace(self, state=state, decided_by=by, answer=answer, decided_at_ms=now_ms, told=told)


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Which reports to list: all that is given must hold. `before_id` is that of the last one of the page before."""

    state: ReportState | None = None
    subject_id: str = ""
    reporter_id: str = ""
    before_id: str = ""
    limit: int = 50


class TooMany(Exception):  # noqa: N818 - an answer: the caller says it in words
    """The reporter has as many open reports as there may be; nothing was kept."""


class Reports(Protocol):
    """Where reports are kept. UNAVAILABLE when the store cannot answer."""

    async def add(self, report: Report, limit: int) -> Report:
        """Keep a report and return it, or the one of this reporter about the same subject that is open.

        Raises TooMany when the reporter has `limit` open ones.
        """

    async def get(self, report_id: str) -> Report | None:
        """One report with its evidence."""

    async def find(self, query: ReportQuery) -> list[Report]:
        """Reports without evidence, the newest first."""

    async def decide(self, decided: Report) -> bool:
        """Keep a decision; False when the report is not open any more."""

    async def untold(self, limit: int) -> list[Report]:
        """Decided reports whose reporters were not told, the oldest first, without evidence."""

    async def told(self, report_ids: Sequence[str]) -> None:
        """The reporters of these know."""


def no_such_report() -> MeshError:
    """The error for an id without a report."""
    return errors.not_found(Reason.REPORT_NOT_FOUND, "no such report")


def too_many() -> MeshError:
    """The error for who has too many open reports."""
    message = f"you have {MAX_OPEN} reports that are not decided yet; wait until some are"
    return errors.exhausted(Reason.REPORT_LIMIT_REACHED, message)


def closed() -> MeshError:
    """The error for a report that was decided otherwise."""
    return errors.precondition(Reason.REPORT_CLOSED, "the report was decided already")
