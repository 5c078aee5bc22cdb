"""`svc_user.domain.audit.AuditLog` on MongoDB."""

from dataclasses import asdict
from typing import Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document
from svc_user.domain.audit import AuditQuery, AuditRecord

AUDIT: Final = "audit"


async def create_audit(database: AsyncDatabase[Document]) -> None:
    """A migration step. An id of an act is that of its document."""
    await database[AUDIT].create_indexes(
        [IndexModel([(field, 1), ("_id", -1)]) for field in ("admin_id", "target", "action")]
    )


class MongoAudit:
    """A document for each act."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._acts = database.collection(AUDIT)

    async def append(self, record: AuditRecord) -> None:
        """See the port."""
        fields = {**asdict(record), "details": dict(record.details)}
        fields["_id"] = fields.pop("audit_id")
        with self._database.writing():
            await self._acts.insert_one(fields)

    async def acts(self, query: AuditQuery) -> list[AuditRecord]:
        """See the port."""
        where: Document = {"at_ms": {"$gte": query.after_ms}}
        if query.before_ms:
            where["at_ms"]["$lt"] = query.before_ms
        if query.before_id:
            where["_id"] = {"$lt": query.before_id}
        named = {"admin_id": query.admin_id, "target": query.target, "action": query.action}
        where |= {field: value for field, value in named.items() if value}
        with self._database.reading():
            found = await self._acts.find(where).sort("_id", -1).limit(query.limit).to_list()
        return [AuditRecord(audit_id=one.pop("_id"), **one) for one in found]
