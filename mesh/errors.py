"""The one error that crosses the mesh: a code, a reason a program can act on, and words for a person.

Pure Python, so that a domain can raise it.
`mesh.status` turns it into `google.rpc.Status` and back.

    raise errors.not_found(Reason.USER_NOT_FOUND, "no such user")
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
MAX_RETRY_S: Final = 86_400.0
"""Nobody is told to wait longer: a frame has room for 49 days, and a rate close to 0 comes to for ever."""


class Code(IntEnum):
    """The status codes of gRPC, by their numbers on the wire."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Reason(StrEnum):
    """The reasons that the mesh itself gives; each domain has its own beside these."""

    NOT_YET_AVAILABLE = "NOT_YET_AVAILABLE"
    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    INVALID_REQUEST = "INVALID_REQUEST"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    TOKEN_MISSING = "TOKEN_MISSING"  # noqa: S105  a reason, not a secret
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105  a reason, not a secret
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105  a reason, not a secret
    SESSION_REVOKED = "SESSION_REVOKED"
    CALLER_NOT_ALLOWED = "CALLER_NOT_ALLOWED"
    SCOPE_REQUIRED = "SCOPE_REQUIRED"
    RATE_LIMITED = "RATE_LIMITED"
    OVERLOADED = "OVERLOADED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL = "INTERNAL"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    AUDIT_UNAVAILABLE = "AUDIT_UNAVAILABLE"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105  a reason, not a secret


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it; the path and the rule, never the value."""

    field: str
    description: str


class MeshError(Exception):
    """An answer other than OK.

    `metadata` says more for a program, `retry_after` (seconds, at most a day) says when a retry makes sense,
    `fields` names the fields of a refused request.
    All of it is shown to the caller: no secret and no body belongs in it.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] = NOTHING,
        retry_after: float | None = None,
        fields: Iterable[FieldViolation] = (),
    ) -> None:
        super().__init__(code, str(reason), message)
        self.code = code
        self.reason = str(reason)
        self.message = message
        self.metadata = MappingProxyType(dict(metadata))
        self.retry_after = None if retry_after is None else min(retry_after, MAX_RETRY_S)
        self.fields = tuple(fields)

    def __str__(self) -> str:
        """Code, reason and message in one line."""
        return f"{self.code.name} {self.reason}: {self.message}"


def invalid(reason: str, message: str, *fields: FieldViolation, **metadata: str) -> MeshError:
    """Return the error for a request that is wrong whatever the state of the system."""
    return MeshError(Code.INVALID_ARGUMENT, reason, message, metadata=metadata, fields=fields)


def unauthenticated(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a caller who did not prove who they are."""
    return MeshError(Code.UNAUTHENTICATED, reason, message, metadata=metadata)


def denied(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a known caller who may not do this."""
    return MeshError(Code.PERMISSION_DENIED, reason, message, metadata=metadata)


def not_found(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a thing that is not there, or that this caller may not know of."""
    return MeshError(Code.NOT_FOUND, reason, message, metadata=metadata)


def already_exists(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a thing that is there already, with other content."""
    return MeshError(Code.ALREADY_EXISTS, reason, message, metadata=metadata)


def precondition(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a state that must change before a retry can help."""
    return MeshError(Code.FAILED_PRECONDITION, reason, message, metadata=metadata)


def aborted(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a lost race: read again and decide again."""
    return MeshError(Code.ABORTED, reason, message, metadata=metadata)


def exhausted(reason: str, message: str, *, retry_after: float | None = None, **metadata: str) -> MeshError:
    """Return the error for a limit that was reached; `retry_after` in seconds when it refills."""
    return MeshError(Code.RESOURCE_EXHAUSTED, reason, message, metadata=metadata, retry_after=retry_after)


def out_of_range(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a position past the end."""
    return MeshError(Code.OUT_OF_RANGE, reason, message, metadata=metadata)


def unavailable(reason: str, message: str, *, retry_after: float | None = None, **metadata: str) -> MeshError:
    """Return the error for a part that is away: the same request may succeed later."""
    return MeshError(Code.UNAVAILABLE, reason, message, metadata=metadata, retry_after=retry_after)


def deadline(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for work that did not end in time; whether it took effect is unknown."""
    return MeshError(Code.DEADLINE_EXCEEDED, reason, message, metadata=metadata)


def unimplemented(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for something that the contract has and this server does not do yet."""
    return MeshError(Code.UNIMPLEMENTED, reason, message, metadata=metadata)


def internal(reason: str, message: str, **metadata: str) -> MeshError:
    """Return the error for a broken promise of ours; the message tells nothing of the inside."""
    return MeshError(Code.INTERNAL, reason, message, metadata=metadata)
