from __future__ import annotations

from typing import get_args

import pytest

from mesh import access
from mesh.caller import Caller, Kind
from mesh.errors import Code, MeshError, Reason
from parley.access.v1 import access_pb2
from tests.mesh.echo import SERVICE

READ, WRITE = frozenset({access_pb2.SCOPE_READ}), frozenset({access_pb2.SCOPE_WRITE})
KINDS: tuple[Kind, ...] = get_args(Kind)
ALLOWED: dict[int, set[Kind]] = {
    access.PUBLIC: {*KINDS},
    access.USER: {"user", "admin", "bot"},
    access.SERVICE: {"service"},
    access.ADMIN: {"admin"},
    access.UNDECLARED: set(),
    99: set(),
}


def _caller(kind: Kind) -> Caller:
    return Caller(kind, scopes=READ if kind == "bot" else frozenset())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("declared", ALLOWED)
def test_only_the_declared_callers_are_let_in(declared: int, kind: Kind) -> None:
    """Whoever is not named is refused, and a method that names nobody, or something new, is closed to all."""
    if kind in ALLOWED[declared]:
        access.check(declared, _caller(kind), READ)  # type: ignore[arg-type]  # a number of a newer contract
        return
    with pytest.raises(MeshError) as raised:
        access.check(declared, _caller(kind), READ)  # type: ignore[arg-type]  # as above
    assert (raised.value.code, raised.value.reason) == (Code.PERMISSION_DENIED, Reason.CALLER_NOT_ALLOWED)


@pytest.mark.parametrize(
    "scopes, held, lacking",
    [(READ, frozenset(), "SCOPE_READ"), (READ | WRITE, READ, "SCOPE_WRITE"), (frozenset(), READ | WRITE, "")],
)
def test_a_bot_needs_every_scope(scopes: frozenset[int], held: frozenset[int], lacking: str) -> None:
    """A bot is refused what its token lacks, with the name of it, and each method that names no scope."""
    with pytest.raises(MeshError) as raised:
        access.check(access.USER, Caller("bot", scopes=held), scopes)
    assert (raised.value.code, raised.value.reason) == (Code.PERMISSION_DENIED, Reason.SCOPE_REQUIRED)
    assert raised.value.metadata["scope"] == lacking
    access.check(access.USER, Caller("bot", scopes=READ | WRITE), READ | WRITE)


def test_the_callers_are_read_from_the_contract() -> None:
    """The option on the RPC is the table."""
    declared = {rpc.name: access.callers_of(rpc) for rpc in SERVICE.methods}
    assert declared["Say"] == access.PUBLIC
    assert declared["SayAsAdmin"] == access.ADMIN
    assert declared["SayUndeclared"] == access.UNDECLARED
