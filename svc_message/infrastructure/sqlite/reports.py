"""`svc_message.domain.administration.report.Reports` on SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.administration.report import Report, ReportQuery, ReportState, SubjectKind, TooMany

SCHEMA: Final = """
    CREATE TABLE report (
        report_id TEXT PRIMARY KEY,
        reporter_id TEXT NOT NULL,
        subject_kind INTEGER NOT NULL,
        subject_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        explanation TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        state INTEGER NOT NULL,
        decided_at_ms INTEGER NOT NULL,
        decided_by TEXT NOT NULL,
        answer TEXT NOT NULL,
        told INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX report_open ON report (reporter_id, subject_id, seq) WHERE state = 1;
    CREATE INDEX report_state ON report (state, report_id);
    CREATE INDEX report_reporter ON report (reporter_id, report_id);
    CREATE INDEX report_subject ON report (subject_id, report_id);
    CREATE INDEX report_untold ON report (report_id) WHERE told = 0 AND state > 1;
    CREATE TABLE report_evidence (
        report_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        entry BLOB NOT NULL,
        PRIMARY KEY (report_id, number)
    ) WITHOUT ROWID
"""
"""A migration step."""

LAST: Final = "s"
"""Sorts after every id of a report."""


class SqliteReports:
    """Reports in one table, the copies of what they are about in another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, report: Report, limit: int) -> Report:
        """See the port."""
        return await self._database.write(lambda connection: _add(connection, report, limit))

    async def get(self, report_id: str) -> Report | None:
        """See the port."""
        return await self._database.read(lambda connection: _get(connection, report_id))

    async def find(self, query: ReportQuery) -> list[Report]:
        """See the port."""
        asked: list[tuple[str, Any]] = [("report_id < ?", query.before_id or LAST)]
        if query.state is not None:
            asked.append(("state = ?", int(query.state)))
        named = {"subject_id": query.subject_id, "reporter_id": query.reporter_id}
        asked += [(f"{column} = ?", value) for column, value in named.items() if value]
        where = " AND ".join(condition for condition, _ in asked)
        return await self._select(f"WHERE {where} ORDER BY report_id DESC", [one for _, one in asked], query.limit)

    async def decide(self, decided: Report) -> bool:
        """See the port."""
        sql = """UPDATE report SET state = ?, decided_at_ms = ?, decided_by = ?, answer = ?, told = ?
            WHERE report_id = ? AND state = 1"""
        head = (int(decided.state), decided.decided_at_ms, decided.decided_by, decided.answer, decided.told)
        return await self._database.write(
            lambda connection: connection.execute(sql, (*head, decided.report_id)).rowcount == 1
        )

    async def untold(self, limit: int) -> list[Report]:
        """See the port."""
        return await self._select("WHERE told = 0 AND state > 1 ORDER BY report_id", [], limit)

    async def told(self, report_ids: Sequence[str]) -> None:
        """See the port."""
        sql = "UPDATE report SET told = 1 WHERE report_id = ?"
        await self._database.write(lambda connection: connection.executemany(sql, [(one,) for one in report_ids]))

    async def _select(self, where: str, values: Sequence[Any], limit: int) -> list[Report]:
        sql = f"SELECT * FROM report {where} LIMIT ?"  # noqa: S608 - names of columns only
        rows = await self._database.read(lambda connection: connection.execute(sql, (*values, limit)).fetchall())
        return [_report(row) for row in rows]


def _add(connection: sqlite3.Connection, report: Report, limit: int) -> Report:
    sql = "SELECT report_id FROM report WHERE state = 1 AND reporter_id = ? AND subject_id = ? AND seq = ?"
    open_one = connection.execute(sql, (report.reporter_id, *report.subject)).fetchone()
    if open_one is not None:
        return _get(connection, open_one[0]) or report
    sql = "SELECT count(*) FROM report WHERE state = 1 AND reporter_id = ?"
    if connection.execute(sql, (report.reporter_id,)).fetchone()[0] >= limit:
        raise TooMany
    connection.execute("INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _values(report))
    evidence = [(report.report_id, number, entry) for number, entry in enumerate(report.evidence)]
    connection.executemany("INSERT INTO report_evidence VALUES (?, ?, ?)", evidence)
    return report


def _get(connection: sqlite3.Connection, report_id: str) -> Report | None:
    row = connection.execute("SELECT * FROM report WHERE report_id = ?", (report_id,)).fetchone()
    sql = "SELECT entry FROM report_evidence WHERE report_id = ? ORDER BY number"
    evidence = tuple(one[0] for one in connection.execute(sql, (report_id,)))
    return _report(row, evidence) if row else None


def _values(report: Report) -> tuple[Any, ...]:
    return (
        report.report_id,
        report.reporter_id,
        int(report.subject_kind),
        report.subject_id,
        report.seq,
        report.explanation,
        report.created_at_ms,
        int(report.state),
        report.decided_at_ms,
        report.decided_by,
        report.answer,
        report.told,
    )


def _report(row: tuple[Any, ...], evidence: tuple[bytes, ...] = ()) -> Report:
    report_id, reporter_id, kind, subject_id, seq, explanation, created, state, decided, by, answer, told = row
    head = (report_id, reporter_id, SubjectKind(kind), subject_id, seq, explanation, created, evidence)
    return Report(*head, ReportState(state), decided, by, answer, told=bool(told))
