"""What administrators do is written down before it takes effect, whatever they do and wherever.

Every RPC that the contract keeps for administrators is served through `audited`: the server takes none without it. What
an entry says comes from the contract too, from the fields that carry `(parley.access.v1.audited)`, so that no servicer
can forget an act or write down a text.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.field_mask_pb2 import FieldMask

from mesh.deeds import Audit, Deed, unavailable
from mesh.errors import MeshError
from parley.access.v1 import access_pb2
from parley.admin.v1.audit_pb2 import AuditEntry
from parley.admin.v1.audit_service_pb2 import RecordActRequest

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from mesh.call import Method
    from mesh.caller import Caller
    from parley.admin.v1.audit_service_pb2_grpc import AuditServiceStub

WHY: Final = "reason"
"""The field of a request that says why."""


def audited(method: Method, audit: Audit) -> Method:
    """Return the method so that each call of it is recorded before it begins, and once more if it fails."""
    function = method.function
    if function is None:
        return method
    action = f"{method.descriptor.containing_service.name}.{method.descriptor.name}"

    @wraps(function)
    async def recorded(request: Message, caller: Caller) -> Any:
        deed = _deed(action, request, caller)
        audit_id = await audit.record(deed)
        try:
            return await function(request, caller)
        except MeshError as error:
            with suppress(MeshError):  # the caller hears why the act failed, and not why nobody wrote that down
                await audit.record(replace(deed, failure=f"{error.code.name} {error.reason}", follows_id=audit_id))
            raise

    return replace(method, function=recorded)


def _deed(action: str, request: Message, caller: Caller) -> Deed:
    said = _said(request)
    reason = said.pop(WHY, "")
    target = next(iter(said.values()), "")
    return Deed(action, caller.user_id, caller.session_id, caller.address, target, reason, said)


def _said(request: Message) -> dict[str, str]:
    """The fields of a request that are for the audit log, and after them those of its parts, in the order of the
    contract.
    """
    said: dict[str, str] = {}
    parts: dict[str, str] = {}
    for descriptor, value in request.ListFields():
        if descriptor.GetOptions().Extensions[access_pb2.audited]:
            said[descriptor.name] = _text(descriptor, value)
        elif descriptor.message_type is not None and not descriptor.is_repeated:
            parts |= _said(value)
    return said | parts


def _text(descriptor: Any, value: Any) -> str:
    if descriptor.enum_type is not None and not descriptor.is_repeated:
        known = descriptor.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if descriptor.is_repeated:
        return ",".join(map(str, value))
    if isinstance(value, FieldMask):
        return ",".join(value.paths)
    return str(value).lower() if isinstance(value, bool) else str(value)


class RemoteAudit:
    """`Audit` in the service that keeps the log for all."""

    def __init__(self, stub: AuditServiceStub) -> None:
        self._stub = stub

    async def record(self, deed: Deed) -> str:
        """See the port."""
        try:
            return (await self._stub.RecordAct(RecordActRequest(entry=to_entry(deed)))).audit_id
        except MeshError:
            raise unavailable() from None


def to_entry(deed: Deed) -> AuditEntry:
    """A deed in the words of the contract, without id and time."""
    return AuditEntry(
        action=deed.action,
        admin_id=deed.admin_id,
        session_id=deed.session_id,
        address=deed.address,
        target=deed.target,
        reason=deed.reason,
        details=deed.details,
        failure=deed.failure,
        follows_id=deed.follows_id,
    )


def from_entry(entry: AuditEntry) -> Deed:
    """A deed from the words of the contract."""
    return Deed(
        action=entry.action,
        admin_id=entry.admin_id,
        session_id=entry.session_id,
        address=entry.address,
        target=entry.target,
        reason=entry.reason,
        details=dict(entry.details),
        failure=entry.failure,
        follows_id=entry.follows_id,
    )
