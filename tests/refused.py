"""What a server meant with an error that a client of gRPC was given."""

import grpc

from mesh import status
from mesh.errors import MeshError

DETAILS = "grpc-status-details-bin"


def decode(error: grpc.aio.AioRpcError) -> MeshError:
    """The error as the server raised it; without details (a proxy, gRPC itself) the reason is empty."""
    number, _ = error.code().value
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            return status.told(number, value)
    return status.told(number, b"")
