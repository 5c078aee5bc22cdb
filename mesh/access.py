"""Who may call which RPC, read from the contract itself: option `(parley.access.v1.callers)`.

An RPC without the option is refused for everyone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh import errors
from mesh.errors import Reason
from parley.access.v1 import access_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor

    from mesh.caller import Caller, Kind

Callers = access_pb2.Callers
UNDECLARED = access_pb2.CALLERS_UNSPECIFIED
PUBLIC = access_pb2.CALLERS_PUBLIC
USER = access_pb2.CALLERS_USER
SERVICE = access_pb2.CALLERS_SERVICE
ADMIN = access_pb2.CALLERS_ADMIN
INSTALLATION = access_pb2.CALLERS_INSTALLATION
"""Implemented outside: closed to everyone here, should a server ever register it."""

# An administrator is a user too. A service is not: it acts for itself, through RPCs made for services.
_KINDS: dict[access_pb2.Callers.ValueType, frozenset[Kind]] = {
    PUBLIC: frozenset({"anonymous", "user", "service", "admin"}),
    USER: frozenset({"user", "admin"}),
    SERVICE: frozenset({"service"}),
    ADMIN: frozenset({"admin"}),
}


def callers_of(method: MethodDescriptor) -> access_pb2.Callers.ValueType:
    """Return whom the contract lets call this RPC; UNDECLARED when it does not say."""
    return method.GetOptions().Extensions[access_pb2.callers]


def check(declared: access_pb2.Callers.ValueType, caller: Caller) -> None:
    """Raise PERMISSION_DENIED unless the contract lets this caller in."""
    if caller.kind not in _KINDS.get(declared, frozenset()):
        raise errors.denied(Reason.CALLER_NOT_ALLOWED, "this caller may not call this method")
