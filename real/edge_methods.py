"""What the edge lets in: at its address for apps what users may call, at another one what administrators may besides.

The other one listens on the machine of the mesh alone: operators call from inside.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from mesh.access import ADMIN, INSTALLATION, SERVICE, UNDECLARED, callers_of
from parley.admin.v1 import (
    audit_service_pb2,
    group_admin_service_pb2,
    live_settings_service_pb2,
    message_admin_service_pb2,
    user_admin_service_pb2,
)
from parley.ai.v1 import assistant_service_pb2
from parley.bot.v1 import bot_service_pb2
from parley.conversation.v1 import conversation_service_pb2
from parley.friend.v1 import friend_service_pb2
from parley.gateway.v1 import gateway_service_pb2
from parley.group.v1 import group_service_pb2, invitation_service_pb2, member_service_pb2
from parley.media.v1 import media_service_pb2
from parley.message.v1 import message_service_pb2
from parley.report.v1 import report_admin_service_pb2, report_service_pb2
from parley.user.v1 import settings_service_pb2, user_service_pb2

Open = tuple[str, MethodDescriptor]
"""A service, and an RPC that it serves."""

CONTRACTS: Final[Mapping[str, Sequence[Any]]] = {
    "user": (user_service_pb2, settings_service_pb2, friend_service_pb2, bot_service_pb2),
    "group": (group_service_pb2, member_service_pb2, invitation_service_pb2),
    "message": (message_service_pb2, conversation_service_pb2, media_service_pb2, report_service_pb2),
    "gateway": (gateway_service_pb2,),
    "ai": (assistant_service_pb2,),
}
"""Which service serves what users call."""

OPERATED: Final[Mapping[str, Sequence[Any]]] = {
    "user": (user_admin_service_pb2, audit_service_pb2, live_settings_service_pb2),
    "group": (group_admin_service_pb2,),
    "message": (message_admin_service_pb2, report_admin_service_pb2),
}
"""Which service serves what administrators call."""


def of_users() -> Iterator[Open]:
    """What may be called from outside: all that the contracts keep neither for services nor for administrators."""
    for service, modules in CONTRACTS.items():
        for contract in _services_of(modules):
            for method in contract.methods:
                if callers_of(method) not in {SERVICE, ADMIN, INSTALLATION, UNDECLARED}:
                    yield service, method


def of_operators() -> Iterator[Open]:
    """What users may call, and after it what administrators may."""
    yield from of_users()
    for service, modules in OPERATED.items():
        for contract in _services_of(modules):
            yield from ((service, method) for method in contract.methods if callers_of(method) == ADMIN)


def path_of(method: MethodDescriptor) -> str:
    """The path of an RPC."""
    return f"/{method.containing_service.full_name}/{method.name}"


def _services_of(modules: Sequence[Any]) -> Iterator[ServiceDescriptor]:
    """The services of contracts."""
    for module in modules:
        yield from module.DESCRIPTOR.services_by_name.values()
