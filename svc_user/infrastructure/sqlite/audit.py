"""`svc_user.domain.audit.AuditLog` on SQLite."""

import json
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_user.domain.audit import AuditQuery, AuditRecord

SCHEMA: Final = """
    CREATE TABLE audit (
        audit_id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        admin_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        address TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        reason TEXT NOT NULL,
        details TEXT NOT NULL,
        failure TEXT NOT NULL,
        follows_id TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX audit_admin ON audit (admin_id, audit_id);
    CREATE INDEX audit_target ON audit (target, audit_id)
"""
"""A migration step. `details` is a JSON object of strings."""

LAST: Final = "b"
"""Sorts after every id of an act."""


class SqliteAudit:
    """All acts in one table, by ids that rise with the time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, record: AuditRecord) -> None:
        """See the port."""
        values = (
            *(record.audit_id, record.at_ms, record.admin_id, record.session_id, record.address, record.action),
            *(record.target, record.reason, json.dumps(dict(record.details)), record.failure, record.follows_id),
        )
        sql = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        await self._database.write(lambda connection: connection.execute(sql, values))

    async def acts(self, query: AuditQuery) -> list[AuditRecord]:
        """See the port."""
        sql, values = _question(query)
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [_record(row) for row in rows]


def _question(query: AuditQuery) -> tuple[str, tuple[Any, ...]]:
    asked: list[tuple[str, Any]] = [("audit_id < ?", query.before_id or LAST), ("at_ms >= ?", query.after_ms)]
    if query.before_ms:
        asked.append(("at_ms < ?", query.before_ms))
    named = {"admin_id": query.admin_id, "target": query.target, "action": query.action}
    asked += [(f"{column} = ?", value) for column, value in named.items() if value]
    where = " AND ".join(condition for condition, _ in asked)
    sql = f"SELECT * FROM audit WHERE {where} ORDER BY audit_id DESC LIMIT ?"  # noqa: S608 - names of columns only
    return sql, (*(value for _, value in asked), query.limit)


def _record(row: tuple[Any, ...]) -> AuditRecord:
    audit_id, at_ms, admin_id, session_id, address, action, target, reason, details, failure, follows_id = row
    head = (audit_id, at_ms, admin_id, session_id, address, action, target, reason)
    return AuditRecord(*head, json.loads(details), failure, follows_id)
