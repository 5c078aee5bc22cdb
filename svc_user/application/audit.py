"""Write down what administrators do, and show it."""

from collections.abc import Sequence
from dataclasses import replace

from mesh.clock import Clock
from mesh.deeds import Deed, unavailable
from mesh.errors import MeshError
from mesh.ids import Ids
from svc_user.domain.audit import AuditLog, AuditQuery, AuditRecord


class Auditor:
    """`mesh.deeds.Audit` over the store of this service, which keeps the log for all services."""

    def __init__(self, log: AuditLog, ids: Ids, clock: Clock) -> None:
        self._log = log
        self._ids = ids
        self._clock = clock

    async def record(self, deed: Deed) -> str:
        """See the port."""
        record = AuditRecord(
            self._ids.new("a"),
            self._clock.now_ms(),
            deed.admin_id,
            deed.session_id,
            deed.address,
            deed.action,
            deed.target,
            deed.reason,
            deed.details,
            deed.failure,
            deed.follows_id,
        )
        try:
            await self._log.append(record)
        except MeshError:
            raise unavailable() from None
        return record.audit_id

    async def acts(self, query: AuditQuery) -> tuple[Sequence[AuditRecord], str]:
        """Acts, the newest first, and the id that the next page comes before; empty when there is none."""
        found = await self._log.acts(replace(query, limit=query.limit + 1))
        page = found[: query.limit]
        return page, page[-1].audit_id if len(found) > len(page) else ""
