"""The browser profile: the same frames over Subscribe and Submit."""

import asyncio

import grpc

from mesh.errors import Code
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Hello, Resume, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import SubmitRequest, SubmitResponse, SubscribeRequest, SubscribeResponse
from tests.refused import decode
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.world import WAIT_S, World, refusal


class Browser:
    """A page in a browser: one stream down, numbered calls up."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.received = ServerFrame()
        self.number = 0
        hello = Hello(access_token=device.token, protocol_version=1)
        request = SubscribeRequest(frame=ClientFrame(hello=hello, resume=Resume()))
        self._stream: grpc.aio.UnaryStreamCall[SubscribeRequest, SubscribeResponse] = device.world.gateway.Subscribe(
            request
        )
        device.world.stack.callback(self._stream.cancel)

    async def more(self) -> ServerFrame:
        """Read on; all that has come."""
        try:
            response = await asyncio.wait_for(self._stream.read(), WAIT_S)
        except grpc.aio.AioRpcError as error:
            raise decode(error) from error
        assert isinstance(response, SubscribeResponse)
        self.received.MergeFrom(response.frame)
        return self.received

    async def to_the_end(self) -> None:
        """Read until the stream ends."""
        while True:
            await self.more()

    async def opened(self) -> "Browser":
        """Wait for the answer to Hello and Resume."""
        while not self.received.HasField("resumed"):
            await self.more()
        return self

    async def submit(self, frame: ClientFrame, number: int = 0) -> SubmitResponse:
        """Say something, as the next frame unless a number is given."""
        self.number += not number
        request = SubmitRequest(epoch=self.received.welcome.epoch, number=number or self.number, frame=frame)
        return await self.device.do(self.device.world.gateway.Submit, request)


async def test_a_browser_sends_and_receives(mesh: World) -> None:
    """Welcome, answers and entries come down; sends go up and reach a device with a stream."""
    ann, bob = await Browser(new_device(mesh)).opened(), await new_device(mesh).connect()
    chat = direct(ann.device, bob)
    await ann.submit(ClientFrame(sends=[post(chat, "hello")]))
    while not (await ann.more()).results:
        pass
    assert ann.received.results[0].seq == 1
    await bob.entry(chat, 1)
    await bob.post(chat)
    while not (await ann.more()).entries:
        pass
    assert [entry.seq for entry in ann.received.entries] == [2]


async def test_a_repeated_frame_is_ignored(mesh: World) -> None:
    """A frame that is submitted again is answered and not taken again; one that comes too early is refused."""
    ann = await Browser(new_device(mesh)).opened()
    chat = f"{ann.device.user_id}-{ann.device.user_id}"
    frame = ClientFrame(sends=[post(chat, "once")])
    for _ in range(3):
        await ann.submit(frame, number=1)
    error = await refusal(ann.submit(ClientFrame(sends=[post(chat, "early")]), number=3))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "PROTOCOL_VIOLATION")
    await ann.submit(ClientFrame(heartbeat=Heartbeat()), number=2)
    await ann.submit(ClientFrame(sends=[post(chat, "early")]), number=3)
    while len((await ann.more()).results) < 2:
        pass
    assert [(result.seq, result.duplicate) for result in ann.received.results] == [(1, False), (2, False)]


async def test_a_refused_frame_may_come_again(mesh: World) -> None:
    """A frame that was refused does not count as taken: the same number with a good frame is."""
    ann = await Browser(new_device(mesh)).opened()
    chat = f"{ann.device.user_id}-{ann.device.user_id}"
    token = ann.device.token
    hello = ClientFrame(hello=Hello(access_token=token, protocol_version=1))
    assert (await refusal(ann.submit(hello, number=1))).reason == "PROTOCOL_VIOLATION"
    assert (await refusal(ann.submit(ClientFrame(sends=[post("x")]), number=1))).reason == "INVALID_REQUEST"
    await ann.submit(ClientFrame(sends=[post(chat)]), number=1)
    while not (await ann.more()).results:
        pass
    assert ann.received.results[0].seq == 1


async def test_a_stream_is_its_owners(mesh: World) -> None:
    """Nobody submits to a stream of another user, device or number: there is no such stream for them."""
    ann = await Browser(new_device(mesh)).opened()
    epoch = ann.received.welcome.epoch
    for device, number in (
        (new_device(mesh), epoch),
        (new_device(mesh, ann.device.user_id), epoch),
        (ann.device, epoch + 1),
    ):
        request = SubmitRequest(epoch=number, number=1, frame=ClientFrame(heartbeat=Heartbeat()))
        assert (await refusal(device.do(mesh.gateway.Submit, request))).reason == "STREAM_NOT_FOUND"


async def test_a_newer_stream_ends_a_browsers(mesh: World) -> None:
    """A browser whose device connects again is told so and ended, as on the other profile."""
    ann = await Browser(new_device(mesh)).opened()
    newer = await ann.device.connect()
    error = await refusal(ann.to_the_end())
    assert (error.code, error.reason) == (Code.ABORTED, "STREAM_REPLACED")
    assert ann.received.replaced.epoch == newer.received.welcome.epoch
