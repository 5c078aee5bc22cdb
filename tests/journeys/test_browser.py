"""The profile for browsers: frames down by Subscribe, up by Submit."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc
import pytest

from parley.gateway.v1 import frame_pb2, gateway_service_pb2
from parley.gateway.v1.gateway_service_pb2_grpc import GatewayServiceStub
from parley.message.v1 import entry_pb2
from parley_sdk import ReceiptChanged
from parley_sdk.infrastructure.status import decode
from tests.journeys.people import PATIENCE, People, numbered
from tests.journeys.raw import Login, first_frame, log_in_again, open_channel, text_send

T = TypeVar("T")


class Browser:
    """A device without an upward stream."""

    def __init__(self, stub: GatewayServiceStub, login: Login) -> None:
        self.frame = frame_pb2.ServerFrame()
        self.numbers = itertools.count(1)
        self._stub = stub
        self._login = login
        request = gateway_service_pb2.SubscribeRequest(frame=first_frame(login))
        self._call = stub.Subscribe(request, metadata=login.metadata)

    def entries(self, chat: str) -> list[entry_pb2.Entry]:
        """What was pushed of one conversation."""
        return [entry for entry in self.frame.entries if entry.conversation_id == chat]

    async def until(self, seen: Callable[[], T]) -> T:
        """Read frames until `seen` answers something true."""
        async with asyncio.timeout(PATIENCE):
            while not (found := seen()):
                response = await self._call.read()
                assert isinstance(response, gateway_service_pb2.SubscribeResponse)
                self.frame.MergeFrom(response.frame)
            return found

    async def submit(self, frame: frame_pb2.ClientFrame, number: int, epoch: int = 0) -> None:
        """Say something; without an epoch, on the own stream."""
        request = gateway_service_pb2.SubmitRequest(epoch=epoch or self.frame.welcome.epoch, number=number, frame=frame)
        await self._stub.Submit(request, metadata=self._login.metadata)

    def close(self) -> None:
        """Go away."""
        self._call.cancel()


@asynccontextmanager
async def browse(address: str, login: Login) -> AsyncIterator[Browser]:
    """Open a browser's stream."""
    async with open_channel(address) as channel:
        browser = Browser(GatewayServiceStub(channel), login)
        try:
            await browser.until(lambda: browser.frame.HasField("resumed"))
            yield browser
        finally:
            browser.close()


async def test_a_browser_has_the_same_conversation_as_a_stream(people: People) -> None:
    """By Subscribe and Submit a browser writes, reads and marks the same conversation as a device by Connect."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    login = await log_in_again(people.address, ann.username)
    async with browse(people.address, login) as browser:
        await bob.say(chat, "from bob")
        await browser.until(lambda: browser.entries(chat))
        for text in numbered("from the browser", range(3)):
            await browser.submit(frame_pb2.ClientFrame(sends=[text_send(chat, text)]), next(browser.numbers))
        await browser.until(lambda: len(browser.frame.results) == 3)
        await ann.say(chat, "from the phone")
        await browser.until(lambda: len(browser.entries(chat)) == 2)
        reads = [frame_pb2.Mark(conversation_id=chat, seq=5)]
        await browser.submit(frame_pb2.ClientFrame(reads=reads), next(browser.numbers))
        await ann.until(lambda: ReceiptChanged(chat, ann.user_id, 5, 0) in ann.events, "what the browser read")
        for device in (ann, bob):
            await device.until_seq(chat, 5)
        own = {result.seq for result in browser.frame.results}
        assert own == {2, 3, 4}
        assert browser.entries(chat) == [entry for entry in ann.shown[chat] if entry.seq not in own]
        assert ann.shown[chat] == bob.shown[chat] == await ann.history(chat)


async def test_a_frame_that_a_browser_repeats_is_taken_once(people: People) -> None:
    """A repeated number is ignored, and what is for no stream of this device is refused."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    login, stranger = [await log_in_again(people.address, one.username) for one in (ann, bob)]
    async with browse(people.address, login) as browser:
        frame = frame_pb2.ClientFrame(sends=[text_send(chat, "once")])
        for _ in range(2):
            await browser.submit(frame, 1)
        other = frame_pb2.ClientFrame(sends=[text_send(chat, "never")])
        await browser.submit(other, 1)
        await browser.submit(frame_pb2.ClientFrame(sends=[text_send(chat, "then")]), 2)
        await bob.until_text(chat, "then")
        assert bob.texts(chat) == ["once", "then"]
        assert len(browser.frame.results) <= 2
        async with open_channel(people.address) as channel:
            request = gateway_service_pb2.SubmitRequest(epoch=browser.frame.welcome.epoch, number=3, frame=other)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await GatewayServiceStub(channel).Submit(request, metadata=stranger.metadata)
            assert decode(refused.value).reason == "STREAM_NOT_FOUND"
