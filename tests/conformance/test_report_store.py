"""One suite for every store of reports: what `svc_message.domain.administration.report.Reports` promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_message.domain.administration.report import (
    NOBODY,
    Report,
    ReportQuery,
    Reports,
    ReportState,
    SubjectKind,
    TooMany,
)
from svc_message.domain.conversation import Seq, UserId
from svc_message.infrastructure.store import open_store
from tests.mongo.server import STORES, url_of

ADA, BOB = UserId("u" + "1" * 15), UserId("u" + "2" * 15)
GROUP = "g" + "1" * 15
NOW = 1_800_000_000_000


@pytest.fixture(params=STORES)
async def reports(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reports]:
    """Each adapter in turn, empty."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        open_store(url, Secret()) as store,
    ):
        yield store.reports


def report(number: int, reporter: UserId = ADA, **fields: object) -> Report:
    """A report about a message of its own."""
    made = Report(
        f"r{number:015}", reporter, SubjectKind.MESSAGE, GROUP, Seq(number), "spam", NOW + number, (b"post", b"edit")
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # named by each test


async def test_a_report_comes_back_with_its_evidence(reports: Reports) -> None:
    """All fields; a list leaves the evidence out; an unknown one is not there."""
    await reports.add(report(1), 10)
    assert await reports.get(report(1).report_id) == report(1)
    assert await reports.find(ReportQuery()) == [report(1, evidence=())]
    assert await reports.get("r" + "9" * 15) is None


async def test_the_same_subject_is_one_report_while_it_is_open(reports: Reports) -> None:
    """Of many at once one is kept and all get it; somebody else's is another; once decided it may be made again."""
    tries = [reports.add(report(number, seq=Seq(7)), 10) for number in range(1, 6)]
    [kept] = {one.report_id for one in await asyncio.gather(*tries)}
    other = await reports.add(report(6, BOB, seq=Seq(7)), 10)
    assert other.report_id == report(6).report_id
    first = await reports.get(kept)
    assert first is not None
    assert await reports.decide(first.decided(ReportState.REJECTED, "root", "", NOW))
    assert (await reports.add(report(8, seq=Seq(7)), 10)).report_id == report(8).report_id


async def test_a_reporter_has_so_many_open_ones_at_most(reports: Reports) -> None:
    """What is beyond is not kept; a decision makes room; others are not concerned."""
    for number in (1, 2):
        await reports.add(report(number), 2)
    with pytest.raises(TooMany):
        await reports.add(report(3), 2)
    await reports.add(report(4, BOB), 2)
    assert len(await reports.find(ReportQuery())) == 3
    assert await reports.decide(report(1).decided(ReportState.UPHELD, "root", "thanks", NOW))
    await reports.add(report(3), 2)


async def test_reports_are_found_newest_first(reports: Reports) -> None:
    """By state, subject and reporter, page by page."""
    await reports.add(report(1), 10)
    await reports.add(report(2, BOB, subject_kind=SubjectKind.USER, subject_id=ADA, seq=Seq(0)), 10)
    await reports.add(report(3), 10)
    await reports.decide(report(3).decided(ReportState.UPHELD, "root", "", NOW))

    async def found(query: ReportQuery) -> list[int]:
        return [int(one.report_id[1:]) for one in await reports.find(query)]

    assert await found(ReportQuery(limit=2)) == [3, 2]
    assert await found(ReportQuery(before_id=report(2).report_id)) == [1]
    assert await found(ReportQuery(state=ReportState.OPEN)) == [2, 1]
    assert await found(ReportQuery(reporter_id=ADA)) == [3, 1]
    assert await found(ReportQuery(subject_id=ADA)) == [2]


async def test_a_decision_is_kept_once_and_told_once(reports: Reports) -> None:
    """Of two one counts; it is untold until somebody says otherwise; the word list is never told."""
    await reports.add(report(1), 10)
    await reports.add(report(2, NOBODY), 10)
    decided = report(1).decided(ReportState.UPHELD, "root", "thanks", NOW + 5)
    assert await reports.decide(decided)
    assert not await reports.decide(report(1).decided(ReportState.REJECTED, "eve", "", NOW + 6))
    assert await reports.decide(report(2, NOBODY).decided(ReportState.REJECTED, "root", "", NOW))
    assert await reports.get(decided.report_id) == decided
    assert await reports.untold(10) == [replace(decided, evidence=())]
    await reports.told([decided.report_id])
    assert await reports.untold(10) == []
    assert await reports.get(decided.report_id) == replace(decided, told=True)
