"""The audit log: what administrators did, and its store port."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One act, as it was asked for; `failure` is empty or says why the act of `follows_id` failed. Time in Unix ms."""

    audit_id: str
    at_ms: int
    admin_id: str
    session_id: str
    address: str
    action: str
    target: str
    reason: str
    details: Mapping[str, str]
    failure: str
    follows_id: str


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which acts to list: all that is given must hold. `before_id` is that of the last one of the page before."""

    admin_id: str = ""
    target: str = ""
    action: str = ""
    after_ms: int = 0
    before_ms: int = 0
    before_id: str = ""
    limit: int = 50


class AuditLog(Protocol):
    """Append only: there is no way to change or remove an act. UNAVAILABLE when the store cannot answer."""

    async def append(self, record: AuditRecord) -> None:
        """Keep an act durably."""

    async def acts(self, query: AuditQuery) -> list[AuditRecord]:
        """Acts, the newest first."""
