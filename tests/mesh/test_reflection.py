from __future__ import annotations

import io

import grpc
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from mesh import access, reflection
from mesh.clock import FakeClock
from mesh.reflection import Reflection
from mesh.server import Server
from mesh.telemetry import TelemetrySettings, open_telemetry
from tests.mesh.echo import PACKAGE

PATH = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
ECHO = f"{PACKAGE}.EchoService"


async def test_a_tool_can_read_the_contract() -> None:
    """The services are listed, and a service's file is found by its name."""
    telemetry = open_telemetry("test", TelemetrySettings(), output=io.StringIO())
    async with Server("test", telemetry=telemetry, clock=FakeClock(0)) as server:
        server.add(Reflection([ECHO]), reflection.SERVICE, callers=access.PUBLIC)
        [address] = await server.start("127.0.0.1:0")
        async with grpc.aio.insecure_channel(address) as channel:
            ask = channel.stream_stream(
                PATH, ServerReflectionRequest.SerializeToString, ServerReflectionResponse.FromString
            )
            questions = [
                ServerReflectionRequest(list_services=""),
                ServerReflectionRequest(file_containing_symbol=ECHO),
                ServerReflectionRequest(file_containing_symbol="no.Such"),
            ]
            listed, file, missing = [answer async for answer in ask(iter(questions))]
    assert [service.name for service in listed.list_services_response.service] == [ECHO]
    assert any(b"EchoService" in data for data in file.file_descriptor_response.file_descriptor_proto)
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
