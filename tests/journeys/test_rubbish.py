"""Rubbish from a machine, to every RPC and down the device stream: typed answers, no crash, and a mesh that goes on.

PARLEY_TEST_RUBBISH=100 makes a hundred rounds of it, PARLEY_TEST_SEED another beginning.
"""

import asyncio
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError

from bench.child import cpu_seconds
from mesh import access, keys, wire
from mesh.clock import SystemClock
from mesh.errors import Code
from parley.gateway.v1 import frame_pb2, gateway_service_pb2
from tests.journeys.asking import Answer, Unary, ask, refusal
from tests.journeys.belongings import Belongings, bearer, belongings
from tests.journeys.mesh import Mesh
from tests.journeys.people import PASSWORD, Device, People
from tests.journeys.raw import open_channel
from tests.journeys.rubbish import Rubbish
from tests.k8s.contract import methods, path

ROUNDS: Final = int(os.environ.get("PARLEY_TEST_RUBBISH", "1"))
SEED: Final = os.environ.get("PARLEY_TEST_SEED", "1")
EACH: Final = 4
"""Requests to one RPC in a round."""

AT_ONCE: Final = 6
FRAMES: Final = 12
STREAMS: Final = 12
PROBE_S: Final = 0.1
LEFT_OUT: Final = {"UpdateLiveSettings", "FetchLiveSettings"}
"""The one changes what all others are answered, the other waits for that: they have tests of their own."""

NEVER: Final = {"UNKNOWN", "INTERNAL", "DATA_LOSS"}


def wrongly(answer: Answer) -> bool:
    """Whether it is one that nobody may get."""
    return answer.code in NEVER or (answer.code != "OK" and not answer.reason)


def tokens(mesh: Mesh, belonging: Belongings) -> Mapping[int, Sequence[str]]:
    """What each kind of caller shows. The sessions are not ended by what is called: nobody knows their names."""
    clock = SystemClock()
    users, services = (keys.signer(mesh.data / "keys", purpose, clock) for purpose in ("access", "mesh"))
    people = (belonging.owner, belonging.friend)
    made = [users.access(one.user_id, one.id, f"s{n:015}").token for n, one in enumerate(people)]
    admin = users.access(belonging.owner.user_id, belonging.owner.id, "s" + "9" * 15, admin=True).token
    everyone = [*made, admin]
    return {
        access.PUBLIC: everyone,
        access.USER: everyone,
        access.ADMIN: [admin],
        access.SERVICE: [services.service("message").token],
    }


def known(belonging: Belongings) -> Sequence[str]:
    """What requests can name."""
    owner, friend = belonging.owner, belonging.friend
    people = (owner.user_id, friend.user_id, owner.id, friend.id, owner.username, friend.username, PASSWORD)
    return (*belonging.named, belonging.bot_id, owner.chat_with(owner), *people)


async def test_no_request_is_answered_without_a_reason(own_people: People, own_mesh: Mesh) -> None:
    """Whatever is in a request to any RPC, the answer is a code and a reason of the contract; the next one is quick."""
    wrong: dict[str, Answer] = {}
    async with open_channel(own_mesh.address) as channel:
        for number in range(ROUNDS):
            belonging = await belongings(own_people)
            wrong |= await one_round(channel, f"{SEED}/{number}", known(belonging), tokens(own_mesh, belonging))
            assert await probe(channel, own_mesh, tokens(own_mesh, belonging)[access.USER][0]) < PROBE_S
    assert wrong == {}
    assert "call failed" not in own_mesh.log()


async def one_round(
    channel: grpc.aio.Channel, seed: str, ids: Sequence[str], tokens: Mapping[int, Sequence[str]]
) -> dict[str, Answer]:
    """Ask everything, in the order of the seed; return what was answered as it must not be."""
    chance = random.Random(seed)
    asked = [(method, number) for _, method in methods() for number in range(EACH)]
    asked = [one for one in asked if not one[0].client_streaming and one[0].name not in LEFT_OUT]
    chance.shuffle(asked)
    wrong: dict[str, Answer] = {}

    async def one(method: MethodDescriptor, number: int) -> None:
        name = f"{seed}/{number} {path(method)}"
        rubbish = Rubbish(name, ids, now_ms=time.time_ns() // 1_000_000)
        token = rubbish.chance.choice(tokens[access.callers_of(method)])
        answer = await ask(channel, method, rubbish.request(method.input_type), token)
        if wrongly(answer):
            wrong[name] = answer

    for start in range(0, len(asked), AT_ONCE):
        await asyncio.gather(*(one(*which) for which in asked[start : start + AT_ONCE]))
    return wrong


async def probe(channel: grpc.aio.Channel, mesh: Mesh, token: str) -> float:
    """The least that some reads of the store cost the mesh, in CPU seconds: a clock tells of the machine too."""
    times = []
    for _ in range(5):
        began = cpu_seconds(mesh.pid)
        call: Unary = channel.unary_unary("/parley.user.v1.UserService/GetUser")
        code = await call(b"", metadata=bearer(token)).code()
        times.append(cpu_seconds(mesh.pid) - began)
        assert code in {grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND}
    return min(times)


async def test_no_frame_ends_a_stream_without_a_reason(people: People, operator: Device, bare_mesh: Mesh) -> None:
    """Whatever a device says, each refusal on its stream, and the end of it, is a code and a reason of the contract."""
    belonging = await belongings(people)
    wrong: dict[str, list[Answer]] = {}
    async with open_channel(bare_mesh.address) as channel:
        for number in range(STREAMS * ROUNDS):
            name = f"{SEED}/{number}"
            rubbish = Rubbish(name, known(belonging), now_ms=time.time_ns() // 1_000_000)
            token = rubbish.chance.choice(tokens(bare_mesh, belonging)[access.USER])
            if odd := [one for one in await speak(channel, rubbish, token) if wrongly(one)]:
                wrong[name] = odd
        assert await probe(channel, bare_mesh, tokens(bare_mesh, belonging)[access.USER][0]) < PROBE_S
    assert wrong == {}
    assert "call failed" not in bare_mesh.log()


async def speak(channel: grpc.aio.Channel, rubbish: Rubbish, token: str) -> list[Answer]:
    """Open a stream, say hello, and then anything; return all refusals, and how it ended if it did.

    Who writes on when a stream has ended is told of that by gRPC, and not why it ended: so each frame is waited for.
    """
    call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(CONNECT)(timeout=30)
    refused: list[Answer] = []
    try:
        for frame in said(rubbish, token):
            await call.write(wire.field(1, frame))
            if await over(call, refused):
                return refused
        await call.done_writing()
        await over(call, refused)
    except grpc.aio.AioRpcError as error:
        refused.append(refusal(error))
    return refused


async def over(call: grpc.aio.StreamStreamCall[bytes, bytes], refused: list[Answer]) -> bool:
    """Take the refusals up to the answer to a heartbeat; whether the stream ends with OK before. Raises another end."""
    while isinstance(answer := await call.read(), bytes):
        frame = gateway_service_pb2.ConnectResponse.FromString(answer).frame
        refused += refusals(frame)
        if frame.HasField("heartbeat"):
            return False
    return True


CONNECT: Final = "/parley.gateway.v1.GatewayService/Connect"


def said(rubbish: Rubbish, token: str) -> Iterator[bytes]:
    """The frames of a device, each with a heartbeat if it is one."""
    hello = frame_pb2.Hello(access_token=token, protocol_version=1)
    yield frame_pb2.ClientFrame(hello=hello, heartbeat=frame_pb2.Heartbeat()).SerializeToString()
    for _ in range(FRAMES):
        frame = rubbish.request(frame_pb2.ClientFrame.DESCRIPTOR)
        yield with_heartbeat(frame, () if rubbish.chance.random() < 0.05 else ("hello", "bye", "access_token"))


def with_heartbeat(frame: bytes, left_out: Iterable[str]) -> bytes:
    """The frame with a heartbeat and without what would end the stream at once; as it is when it is none."""
    try:
        message = frame_pb2.ClientFrame.FromString(frame)
    except DecodeError:
        return frame
    message.heartbeat.SetInParent()
    for field in left_out:
        message.ClearField(field)  # type: ignore[arg-type]  # names of fields
    return message.SerializeToString()


def refusals(frame: frame_pb2.ServerFrame) -> Iterator[Answer]:
    """All errors in a frame."""
    errors = [one.error for one in frame.errors] + [one.error for one in frame.results if one.HasField("error")]
    for error in errors:
        yield Answer(Code(error.code).name, error.reason, error.message)
