from __future__ import annotations

from typing import get_args

import pytest

from mesh import access
from mesh.caller import Caller, Kind
from mesh.errors import Code, MeshError, Reason
from tests.mesh.echo import SERVICE

KINDS: tuple[Kind, ...] = get_args(Kind)
ALLOWED: dict[int, set[Kind]] = {
    access.PUBLIC: {*KINDS},
    access.USER: {"user", "admin"},
    access.SERVICE: {"service"},
    access.ADMIN: {"admin"},
    access.INSTALLATION: set(),
    access.UNDECLARED: set(),
    99: set(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("declared", ALLOWED)
def test_only_the_declared_callers_are_let_in(declared: int, kind: Kind) -> None:
    """Whoever is not named is refused, and a method that names nobody, or something new, is closed to all."""
    if kind in ALLOWED[declared]:
        access.check(declared, Caller(kind))  # type: ignore[arg-type]  # a number of a newer contract
        return
    with pytest.raises(MeshError) as raised:
        access.check(declared, Caller(kind))  # type: ignore[arg-type]  # as above
    assert (raised.value.code, raised.value.reason) == (Code.PERMISSION_DENIED, Reason.CALLER_NOT_ALLOWED)


def test_the_callers_are_read_from_the_contract() -> None:
    """The option on the RPC is the table."""
    declared = {rpc.name: access.callers_of(rpc) for rpc in SERVICE.methods}
    assert declared["Say"] == access.PUBLIC
    assert declared["SayAsAdmin"] == access.ADMIN
    assert declared["SayUndeclared"] == access.UNDECLARED
