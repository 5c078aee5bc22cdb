"""`parley.admin.v1.AuditService`."""

from mesh.audit import from_entry, to_entry
from mesh.caller import Caller
from mesh.deeds import Deed
from parley.admin.v1 import audit_service_pb2 as pb
from parley.admin.v1.audit_pb2 import AuditEntry
from svc_user.application.audit import Auditor
from svc_user.domain.audit import AuditQuery, AuditRecord
from svc_user.servicer.paging import PageTokens, page_size


class AuditServicer:
    """Keeps and shows what administrators did."""

    def __init__(self, auditor: Auditor, pages: PageTokens) -> None:
        self._auditor = auditor
        self._pages = pages

    async def record_act(self, request: pb.RecordActRequest, caller: Caller) -> pb.RecordActResponse:
        """Write an act down."""
        return pb.RecordActResponse(audit_id=await self._auditor.record(from_entry(request.entry)))

    async def list_audit(self, request: pb.ListAuditRequest, caller: Caller) -> pb.ListAuditResponse:
        """List acts."""
        asked = (request.admin_id, request.target, request.action, str(request.after_ms), str(request.before_ms))
        query = AuditQuery(
            request.admin_id,
            request.target,
            request.action,
            request.after_ms,
            request.before_ms,
            self._pages.decode(("list_audit", *asked), request.page_token),
            page_size(request.page_size),
        )
        acts, last = await self._auditor.acts(query)
        token = self._pages.encode(("list_audit", *asked), last)
        return pb.ListAuditResponse(entries=[_entry(act) for act in acts], next_page_token=token)


def _entry(act: AuditRecord) -> AuditEntry:
    deed = Deed(
        act.action,
        act.admin_id,
        act.session_id,
        act.address,
        act.target,
        act.reason,
        act.details,
        act.failure,
        act.follows_id,
    )
    entry = to_entry(deed)
    entry.audit_id, entry.at_ms = act.audit_id, act.at_ms
    return entry
