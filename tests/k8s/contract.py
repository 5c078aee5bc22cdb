"""Who may talk to whom, as the contracts and the code say it."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from mesh import access
from standalone.app import SERVICES

ROOT = Path(__file__).parents[2]
EDGE = "edge"
OPEN = (access.PUBLIC, access.USER)

_SERVED = re.compile(r'services_by_name\["(\w+)"\]')
_STUB = re.compile(r"import (\w+Service)Stub\b")
_PATH = re.compile(r'"/parley\.[\w.]+\.(\w+Service)/\w+"')

Edge = tuple[str, str]


def contracts() -> dict[str, ServiceDescriptor]:
    """Every service of the contracts, by its short name."""
    files = sorted((ROOT / "gen").glob("parley/**/*_pb2.py"))
    modules = [import_module(".".join(file.relative_to(ROOT / "gen").with_suffix("").parts)) for file in files]
    return {name: one for module in modules for name, one in module.DESCRIPTOR.services_by_name.items()}


def methods() -> Iterator[tuple[str, MethodDescriptor]]:
    """Every RPC, with the service of the mesh that serves it. What the installation implements, none does."""
    owners = {contract: service for service in SERVICES for contract in _found(service, _SERVED)}
    for name, contract in contracts().items():
        for method in contract.methods:
            if access.callers_of(method) != access.INSTALLATION:
                yield owners[name], method


def path(method: MethodDescriptor) -> str:
    """The path of an RPC on the wire."""
    return f"/{method.containing_service.full_name}/{method.name}"


def edges() -> set[Edge]:
    """(who calls, who is called): the edge calls what is open to users, services what is open to services."""
    declared = [(owner, access.callers_of(method), method.containing_service.name) for owner, method in methods()]
    from_outside = {(EDGE, owner) for owner, callers, _ in declared if callers in OPEN}
    internal = {name: owner for owner, callers, name in declared if callers == access.SERVICE}
    used = {(caller, name) for caller in SERVICES for pattern in (_STUB, _PATH) for name in _found(caller, pattern)}
    between = {(caller, internal[name]) for caller, name in used if name in internal}
    return from_outside | {(caller, called) for caller, called in between if caller != called}


def _found(service: str, pattern: re.Pattern[str]) -> set[str]:
    files = (ROOT / f"svc_{service}").rglob("*.py")
    return {name for file in files for name in pattern.findall(file.read_text(encoding="utf-8"))}
