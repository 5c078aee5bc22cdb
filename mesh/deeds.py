"""Acts of administrators, and where they are written down. Pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mesh import errors
from mesh.errors import MeshError, Reason


@dataclass(frozen=True, slots=True)
class Deed:
    """An act of an administrator. `failure` is empty, or says why the act of the entry `follows_id` failed.

    Without an `admin_id` it was done by whoever may start programs of the installation.
    """

    action: str
    admin_id: str = ""
    session_id: str = ""
    address: str = ""
    target: str = ""
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""
    follows_id: str = ""


class Audit(Protocol):
    """Where acts are written down."""

    async def record(self, deed: Deed) -> str:
        """Keep the act durably and return the id of its entry. AUDIT_UNAVAILABLE: it was not kept, so do not act."""


def unavailable() -> MeshError:
    """The error of an act that could not be written down."""
    message = "the act could not be written into the audit log, so it was not done; try again"
    return errors.unavailable(Reason.AUDIT_UNAVAILABLE, message, retry_after=1.0)
