"""Who may call which RPC, read from the contract itself: option `(parley.access.v1.callers)`.

An RPC without the option is refused for everyone. Bots are users whose tokens do not allow everything: an RPC says by
option `(parley.access.v1.scopes)` what it takes, and one that does not is refused to them.
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

# An administrator is a user too, and so is a bot whose token has the scopes. A service is not: it acts for itself,
# through RPCs made for services.
_KINDS: dict[access_pb2.Callers.ValueType, frozenset[Kind]] = {
    PUBLIC: frozenset({"anonymous", "user", "service", "admin", "bot"}),
    USER: frozenset({"user", "admin", "bot"}),
    SERVICE: frozenset({"service"}),
    ADMIN: frozenset({"admin"}),
}


def callers_of(method: MethodDescriptor) -> access_pb2.Callers.ValueType:
    """Return whom the contract lets call this RPC; UNDECLARED when it does not say."""
    return method.GetOptions().Extensions[access_pb2.callers]


def scopes_of(method: MethodDescriptor) -> frozenset[int]:
    """Return what the contract wants a bot's token to allow; empty when this RPC is not for bots."""
    return frozenset(method.GetOptions().Extensions[access_pb2.scopes])


def check(declared: access_pb2.Callers.ValueType, caller: Caller, scopes: frozenset[int] = frozenset()) -> None:
    """Raise PERMISSION_DENIED unless the contract lets this caller in."""
    if caller.kind not in _KINDS.get(declared, frozenset()):
        raise errors.denied(Reason.CALLER_NOT_ALLOWED, "this caller may not call this method")
    if caller.kind == "bot" and declared != PUBLIC:
        check_scopes(caller, scopes)


def check_scopes(caller: Caller, scopes: frozenset[int]) -> None:
    """Raise SCOPE_REQUIRED unless the token of a bot allows all of these, and there is one."""
    lacking = sorted(scopes - caller.scopes)
    if lacking or not scopes:
        names = ",".join(access_pb2.Scope.Name(scope) for scope in map(access_pb2.Scope.ValueType, lacking))
        raise errors.denied(Reason.SCOPE_REQUIRED, "the token of this bot does not allow it", scope=names)
