"""What a server meant with an error that a client of gRPC was given."""

import grpc

from mesh import errors, status
from mesh.errors import MeshError

DETAILS = "grpc-status-details-bin"
LOST = "STATUS_LOST"
"""The reason of an error whose status the client has lost: the server ended the stream while a frame was written."""

WRITE_FAILED = "Internal error from Core"
"""What grpc.aio says then in place of the status."""


def decode(error: grpc.aio.AioRpcError) -> MeshError:
    """The error as the server raised it; without details (a proxy, gRPC itself) the reason is empty."""
    number, _ = error.code().value
    if error.details() == WRITE_FAILED:
        return errors.internal(LOST, WRITE_FAILED)
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            return status.told(number, value)
    return status.told(number, b"")
