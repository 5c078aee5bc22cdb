"""`svc_message.domain.administration.report.Reports` on MongoDB: a document for each report, with the copies in it.

How many are open is counted before one is kept: a reporter who sends several at the same moment may come to have a few
more than allowed.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.administration.report import Report, ReportQuery, ReportState, SubjectKind, TooMany

REPORT: Final = "report"
BARE: Final = {"evidence": 0}


async def create_reports(database: AsyncDatabase[Document]) -> None:
    """A migration step. `open` names reporter and subject for as long as nobody decided."""
    await database[REPORT].create_indexes(
        [
            IndexModel("open", unique=True, sparse=True),
            *(IndexModel([(field, 1), ("_id", -1)]) for field in ("state", "reporter_id", "subject_id")),
            IndexModel("untold", sparse=True),
        ]
    )


class MongoReports:
    """A document for each report."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reports = database.collection(REPORT)

    async def add(self, report: Report, limit: int) -> Report:
        """See the port."""
        with self._database.reading():
            found = await self._reports.find_one({"open": _open(report)})
            if found:
                return _report(found)
            waiting = {"reporter_id": report.reporter_id, "state": int(ReportState.OPEN)}
            if await self._reports.count_documents(waiting, limit=limit) >= limit:
                raise TooMany
        with self._database.writing():
            try:
                await self._reports.insert_one({**_fields(report), "open": _open(report)})
            except DuplicateKeyError:
                found = await self._reports.find_one({"open": _open(report)})
                return _report(found) if found else report
        return report

    async def get(self, report_id: str) -> Report | None:
        """See the port."""
        with self._database.reading():
            found = await self._reports.find_one({"_id": report_id})
        return _report(found) if found else None

    async def find(self, query: ReportQuery) -> list[Report]:
        """See the port."""
        where: dict[str, Any] = {"_id": {"$lt": query.before_id}} if query.before_id else {}
        if query.state is not None:
            where["state"] = int(query.state)
        named = {"subject_id": query.subject_id, "reporter_id": query.reporter_id}
        where |= {field: value for field, value in named.items() if value}
        return await self._select(where, -1, query.limit)

    async def decide(self, decided: Report) -> bool:
        """See the port."""
        fields: dict[str, Any] = {
            "state": int(decided.state),
            "decided_at_ms": decided.decided_at_ms,
            "decided_by": decided.decided_by,
            "answer": decided.answer,
            "told": decided.told,
        }
        if not decided.told:
            fields["untold"] = True
        waiting = {"_id": decided.report_id, "state": int(ReportState.OPEN)}
        with self._database.writing():
            done = await self._reports.update_one(waiting, {"$set": fields, "$unset": {"open": ""}})
        return done.modified_count == 1

    async def untold(self, limit: int) -> list[Report]:
        """See the port."""
        return await self._select({"untold": True}, 1, limit)

    async def told(self, report_ids: Sequence[str]) -> None:
        """See the port."""
        with self._database.writing():
            change = {"$set": {"told": True}, "$unset": {"untold": ""}}
            await self._reports.update_many({"_id": {"$in": list(report_ids)}}, change)

    async def _select(self, where: Document, order: int, limit: int) -> list[Report]:
        with self._database.reading():
            found = await self._reports.find(where, BARE).sort("_id", order).limit(limit).to_list()
        return [_report(one) for one in found]


def _open(report: Report) -> str:
    return f"{report.reporter_id} {report.subject_id} {report.seq}"


def _fields(report: Report) -> dict[str, Any]:
    fields = asdict(report)
    fields["_id"] = fields.pop("report_id")
    kinds = {"subject_kind": int(report.subject_kind), "state": int(report.state)}
    return {**fields, **kinds, "evidence": list(report.evidence)}


def _report(found: Document) -> Report:
    values = {name: value for name, value in found.items() if name not in {"_id", "open", "untold"}}
    values["subject_kind"] = SubjectKind(values["subject_kind"])
    values["state"] = ReportState(values["state"])
    values["evidence"] = tuple(values.get("evidence", ()))
    return Report(report_id=found["_id"], **values)
