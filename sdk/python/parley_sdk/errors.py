"""One error for all that Parley refuses, whichever way the refusal came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from parley.error.v1 import error_pb2


class Code(IntEnum):
    """Codes of gRPC: what kind of failure it is. `ParleyError.reason` says it more exactly."""

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


TRANSIENT: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.ABORTED})
"""The same request may well succeed later."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of the request that breaks its rule."""

    field: str
    description: str


class ParleyError(Exception):
    """A refusal or failure. Decide by `reason` (a value of parley.error.v1.Reason without `REASON_`) or by `code`.

    `message` is for developers, in English. `retry_after` is in seconds; None when the server named no time.
    """

    def __init__(
        self,
        code: Code,
        reason: str = "",
        message: str = "",
        *,
        retry_after: float | None = None,
        fields: tuple[FieldError, ...] = (),
        metadata: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(code, reason, message)
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.fields = fields
        self.metadata = metadata
        """What the server says more, for a program: `end` of SESSION_REVOKED, for example."""

    def __str__(self) -> str:
        named = f"{self.reason or self.code.name}: {self.message}" if self.message else self.reason or self.code.name
        details = "; ".join(f"{field.field}: {field.description}" for field in self.fields)
        return f"{named} ({details})" if details else named

    @property
    def transient(self) -> bool:
        """The same request may well succeed later."""
        return self.code in TRANSIENT


def code_of(number: int) -> Code:
    """Return the code with this number; a number that does not exist is UNKNOWN."""
    try:
        return Code(number)
    except ValueError:
        return Code.UNKNOWN


def from_frame(error: error_pb2.Error) -> ParleyError:
    """Decode an error that came inside a frame of the device stream."""
    retry_after = error.retry_after_ms / 1_000 if error.retry_after_ms else None
    fields = tuple(FieldError(one.field, one.description) for one in error.fields)
    return ParleyError(code_of(error.code), error.reason, error.message, retry_after=retry_after, fields=fields)
