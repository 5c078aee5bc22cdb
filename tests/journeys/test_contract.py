"""The whole contract is served."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from parley.access.v1 import access_pb2
from tests.journeys.mesh import Mesh, Running
from tests.journeys.raw import open_channel

GEN = Path(__file__).parents[2] / "gen"


def services() -> Iterator[tuple[str, list[str]]]:
    """The services of the contract, and the paths of their RPCs; without those that an installation implements."""
    for file in sorted(GEN.rglob("*_service_pb2.py")):
        module = re.sub(r"/", ".", str(file.relative_to(GEN).with_suffix("")))
        for service in importlib.import_module(module).DESCRIPTOR.services_by_name.values():
            paths = [f"/{service.full_name}/{method.name}" for method in service.methods if ours(method)]
            if paths:
                yield service.full_name, paths


def ours(method: MethodDescriptor) -> bool:
    """Whether an RPC is for the mesh to serve."""
    return bool(method.GetOptions().Extensions[access_pb2.callers] != access_pb2.CALLERS_INSTALLATION)


@pytest.mark.parametrize("name, paths", list(services()))
async def test_every_rpc_is_known(name: str, paths: list[str], shared_mesh: Mesh | Running) -> None:
    """No RPC of the contract is unknown to the mesh: it asks for a token, or says what the request lacks."""
    async with open_channel(shared_mesh.address) as channel:
        for path in paths:
            call: grpc.aio.StreamUnaryCall[bytes, bytes] = channel.stream_unary(path)(iter(()), timeout=30)
            assert await call.code() in {
                grpc.StatusCode.UNAUTHENTICATED,
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.OK,
            }, f"{name}: {path}"
