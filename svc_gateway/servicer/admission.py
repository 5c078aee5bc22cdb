"""Whose token may open a device stream: a user's, and a bot's that allows what the stream carries."""

from typing import Final

from mesh import access
from mesh.caller import Caller
from parley.gateway.v1 import gateway_service_pb2
from svc_gateway.application.attach import Authenticate

SCOPES: Final = access.scopes_of(
    gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"].methods_by_name["Connect"]
)
"""What the contract says of Connect. That RPC is public, since the token comes in its first frame and not beside it."""


def admitting(authenticate: Authenticate) -> Authenticate:
    """The check of tokens, which refuses a bot whose token lacks a scope with SCOPE_REQUIRED."""

    async def admit(token: str) -> Caller:
        caller = await authenticate(token)
        if caller.kind == "bot":
            access.check_scopes(caller, SCOPES)
        return caller

    return admit
