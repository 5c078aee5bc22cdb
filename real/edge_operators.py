"""What the second address of the edge lets in besides: what the contracts keep for administrators.

It listens on the machine of the mesh alone: operators call from inside.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mesh.access import ADMIN, callers_of
from parley.admin.v1 import (
    audit_service_pb2,
    group_admin_service_pb2,
    live_settings_service_pb2,
    message_admin_service_pb2,
    user_admin_service_pb2,
)
from parley.report.v1 import report_admin_service_pb2
from real import edge_config

CONTRACTS: Final[Mapping[str, Sequence[Any]]] = {
    "user": (user_admin_service_pb2, audit_service_pb2, live_settings_service_pb2),
    "group": (group_admin_service_pb2,),
    "message": (message_admin_service_pb2, report_admin_service_pb2),
}
"""Which service serves what administrators call."""


def methods() -> Iterator[edge_config.Open]:
    """What users may call, and after it what administrators may."""
    yield from edge_config.open_methods()
    for service, modules in CONTRACTS.items():
        for contract in edge_config.services_of(modules):
            yield from ((service, method) for method in contract.methods if callers_of(method) == ADMIN)
