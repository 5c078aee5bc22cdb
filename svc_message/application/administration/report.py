"""Report messages, users and groups; decide reports; tell the reporters."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from mesh import errors
from mesh.clock import Clock, until
from mesh.errors import MeshError
from mesh.ids import ALPHABET, Ids
from svc_message.application.reading.history import Histories, Stretch
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.administration.report import (
    MAX_EVIDENCE,
    MAX_OPEN,
    NOBODY,
    Report,
    ReportQuery,
    Reports,
    ReportState,
    SubjectKind,
    TooMany,
    closed,
    no_such_report,
    too_many,
)
from svc_message.domain.conversation import ConversationId, ConversationKind, DeviceId, Seq, UserId, kind_of
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.ports import Log
from svc_message.domain.reasons import Reason

WRITER: Final = DeviceId("reports")
"""As whom decisions are appended."""

PERIOD_S: Final = 30.0
"""Seconds between two looks for reporters whom another node did not tell; who decides here tells at once."""

AT_ONCE: Final = 100

MAX_UNDECIDED: Final = 10_000
"""Reports of the word list and of models that may be open. More are not kept: the moderators have enough to look at."""


class Reporting:
    """What users tell."""

    def __init__(self, reports: Reports, log: Log, histories: Histories, ids: Ids, clock: Clock) -> None:
        self._reports = reports
        self._log = log
        self._histories = histories
        self._ids = ids
        self._clock = clock

    async def message(self, reporter: UserId, conversation_id: str, seq: int, explanation: str) -> str:
        """Report a message that the reporter can see; return the id of the report.

        Raises CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND (also for what was recalled), REPORT_LIMIT_REACHED.
        """
        place = ConversationId(conversation_id)
        history = await self._histories.read(reporter, Stretch(place, seq, seq, 1, descending=False))
        post = history.entries[0] if history.entries else None
        if post is None or post.kind is not EntryKind.POST:
            raise errors.not_found(Reason.ENTRY_NOT_FOUND, "there is no message with this seq that you can see")
        if kind_of(conversation_id) is ConversationKind.PERSONAL:
            raise errors.not_found(Reason.ENTRY_NOT_FOUND, "your personal log holds no messages")
        evidence = copies(post, history.amendments)
        return await self._add(reporter, SubjectKind.MESSAGE, conversation_id, seq, explanation, evidence)

    async def subject(self, reporter: UserId, kind: SubjectKind, subject_id: str, explanation: str) -> str:
        """Report a user or a group; return the id of the report. REPORT_LIMIT_REACHED."""
        return await self._add(reporter, kind, subject_id, 0, explanation)

    async def found(self, key: tuple[ConversationId, DeviceId, int], explanation: str) -> bool:
        """Report what was found in a message that is named by its idempotency key; False when it does not stand."""
        stored = (await self._log.find((key,))).get(key)
        if stored is not None:
            await self.flagged(stored, explanation)
        return stored is not None

    async def flagged(self, stored: Stored, explanation: str) -> None:
        """Report what the word list or a model found, once as long as nobody decided it."""
        with contextlib.suppress(TooMany):
            report = self._report(
                NOBODY, SubjectKind.MESSAGE, stored.conversation_id, stored.seq, explanation, (stored.entry,)
            )
            await self._reports.add(report, MAX_UNDECIDED)

    async def mine(self, reporter: UserId, before_id: str, limit: int) -> list[Report]:
        """The reporter's own reports, the newest first."""
        return await self._reports.find(ReportQuery(reporter_id=reporter, before_id=before_id, limit=limit))

    async def _add(
        self,
        reporter: UserId,
        kind: SubjectKind,
        subject_id: str,
        seq: int,
        explanation: str,
        evidence: tuple[bytes, ...] = (),
    ) -> str:
        report = self._report(reporter, kind, subject_id, seq, explanation, evidence)
        try:
            return (await self._reports.add(report, MAX_OPEN)).report_id
        except TooMany:
            raise too_many() from None

    def _report(
        self,
        reporter: UserId,
        kind: SubjectKind,
        subject_id: str,
        seq: int,
        explanation: str,
        evidence: tuple[bytes, ...],
    ) -> Report:
        now = self._clock.now_ms()
        return Report(self._ids.new("r"), reporter, kind, subject_id, Seq(seq), explanation, now, evidence)


def copies(post: Stored, amendments: Sequence[Stored]) -> tuple[bytes, ...]:
    """The post and its latest edits."""
    edits = [one.entry for one in amendments if one.kind is EntryKind.EDIT]
    return (post.entry, *edits[-(MAX_EVIDENCE - 1) :])


class Deciding:
    """What moderators do with reports."""

    def __init__(self, reports: Reports, telling: "Telling", clock: Clock) -> None:
        self._reports = reports
        self._telling = telling
        self._clock = clock

    async def find(self, query: ReportQuery) -> list[Report]:
        """Reports, the newest first."""
        return await self._reports.find(query)

    async def get(self, report_id: str) -> Report:
        """One report. REPORT_NOT_FOUND."""
        report = await self._reports.get(report_id)
        if report is None:
            raise no_such_report()
        return report

    async def decide(self, report_id: str, state: ReportState, by: str, answer: str) -> Report:
        """Keep a decision. Raises REPORT_NOT_FOUND, and REPORT_CLOSED for one that was decided otherwise."""
        report = await self.get(report_id)
        if report.state is ReportState.OPEN:
            decided = report.decided(state, by, answer, self._clock.now_ms())
            if await self._reports.decide(decided):
                self._telling.wake()
                return decided
            report = await self.get(report_id)
        if (report.state, report.answer) != (state, answer):
            raise closed()
        return report


class Telling:
    """Tells reporters what was decided, by an entry of their personal log.

    It looks at what is kept, so a process that dies in between tells it after all, and its number makes it one entry.
    `encode` gives the content of the entry.
    """

    def __init__(
        self, reports: Reports, append: ServiceAppend, encode: Callable[[Report], bytes], clock: Clock
    ) -> None:
        self._reports = reports
        self._append = append
        self._encode = encode
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something was decided."""
        self._wake.set()

    async def run(self) -> None:
        """Tell for ever; at the start, what an earlier process left."""
        while True:
            self._wake.clear()
            with contextlib.suppress(MeshError):
                await self.tell()
            await until(self._wake, PERIOD_S, self._clock)

    async def tell(self) -> None:
        """Tell those who were not told. Raises UNAVAILABLE."""
        while untold := await self._reports.untold(AT_ONCE):
            await asyncio.gather(*await self._append.start([self._draft(report) for report in untold]))
            await self._reports.told([report.report_id for report in untold])

    def _draft(self, report: Report) -> Draft:
        return Draft(
            ConversationId(report.reporter_id),
            NOBODY,
            WRITER,
            number_of(report.report_id),
            EntryKind.REPORT,
            self._encode(report),
        )


def number_of(id_: str) -> int:
    """A number that names what has this id for ever: the last 12 characters of an id are 60 bits."""
    number = 0
    for character in id_[-12:]:
        number = number << 5 | ALPHABET.index(character)
    return number or 1
