"""Exports: who does not read theirs keeps nobody else out, and each goes on from where it was."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import grpc
import pytest

from mesh.errors import Code, MeshError
from parley.conversation.v1.conversation_service_pb2 import ExportConversationRequest, ExportConversationResponse
from parley.conversation.v1.conversation_service_pb2_grpc import ConversationServiceStub
from svc_message.application.own import export as own_export
from tests.refused import decode
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post
from tests.svc_message.own_part import delete, hide
from tests.svc_message.world import WAIT_S, World, eventually, mesh_of_one, refusal

NARROW = (("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))
LONG = "x" * 4_000
Call = grpc.aio.UnaryStreamCall[ExportConversationRequest, ExportConversationResponse]


@pytest.fixture
async def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Return a mesh with four places for exports, whose readers may take nothing for a day."""
    monkeypatch.setattr(own_export, "MOST", 4)
    monkeypatch.setattr(own_export, "STALL_S", 86_400.0)
    async with mesh_of_one(tmp_path) as made:
        yield made


class Idler:
    """Somebody who begins an export, sees that it began, and reads no more of it."""

    def __init__(self, device: Device, target: str, chat: str) -> None:
        self.device, self.chat = device, chat
        self._channel = grpc.aio.insecure_channel(target, options=NARROW)
        device.world.stack.push_async_callback(self._channel.close)

    async def begin(self) -> Call:
        """Open it."""
        call = ConversationServiceStub(self._channel).ExportConversation(
            ExportConversationRequest(conversation_id=self.chat),
            metadata=(("authorization", f"Bearer {self.device.token}"),),
        )
        assert isinstance(await call.read(), ExportConversationResponse)
        return call


async def _idlers(world: World, count: int) -> list[Idler]:
    """So many people, each with far more to export than they will read."""
    members = [await new_device(world).connect() for _ in range(count)]
    group = await groups.make(world, *members)
    for _ in range(10):
        await members[0].seqs(*(post(group, LONG) for _ in range(50)))
    return [Idler(member, world.address, group) for member in members]


async def _export(device: Device, chat: str, first: int = 0) -> list[int]:
    """Seqs of an export that is read to its end. Raises MeshError."""
    request = ExportConversationRequest(conversation_id=chat, from_seq=first)
    metadata = (("authorization", f"Bearer {device.token}"),)
    try:
        call = device.world.conversations.ExportConversation(request, timeout=WAIT_S, metadata=metadata)
        return [entry.seq async for response in call for entry in response.entries]
    except grpc.aio.AioRpcError as error:
        raise decode(error) from error


async def _whole(device: Device, chat: str) -> list[int]:
    """The same for a reader who goes on at once when they made room."""
    seqs: list[int] = []
    while True:
        call = device.world.conversations.ExportConversation(
            ExportConversationRequest(conversation_id=chat, from_seq=seqs[-1] + 1 if seqs else 0),
            metadata=(("authorization", f"Bearer {device.token}"),),
        )
        came, error = await _rest(call)
        seqs += came
        if error is None:
            return seqs
        assert error.reason == "OVERLOADED"


async def _rest(call: Call) -> tuple[list[int], MeshError | None]:
    """Read on to the end: the seqs that came, and the error with which it ended, if any."""
    seqs: list[int] = []
    try:
        while isinstance(response := await call.read(), ExportConversationResponse):
            seqs += (entry.seq for entry in response.entries)
    except grpc.aio.AioRpcError as error:
        return seqs, decode(error)
    return seqs, None


async def test_who_takes_nothing_keeps_nobody_out(small: World) -> None:
    """While as many as there are places begin exports again and again and read none, others begin theirs at once."""
    idlers = await _idlers(small, 4)
    ann = await new_device(small).connect()
    chat = direct(ann, ann)
    seqs = await ann.seqs(*(post(chat, LONG) for _ in range(30)))
    stop, begun = asyncio.Event(), list[Idler]()

    async def hold(idler: Idler) -> None:
        while not stop.is_set():
            with contextlib.suppress(grpc.aio.AioRpcError):  # the export before is still ending
                call = await idler.begin()
                begun.append(idler)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.1)
                call.cancel()

    hostile = [asyncio.create_task(hold(idler)) for idler in idlers]
    for rounds in range(1, 11):
        await eventually(partial(_many, begun, rounds * len(idlers)))
        async with asyncio.timeout(WAIT_S):  # of the day that they may keep a place
            assert await _whole(ann, chat) == seqs
    stop.set()
    await asyncio.gather(*hostile)


async def _many(begun: list[Idler], count: int) -> bool:
    return len(begun) >= count


async def test_who_made_room_goes_on_where_it_was(small: World) -> None:
    """One of those that read nothing makes room for a newcomer, is told so, and then gets the rest, nothing twice."""
    idlers = await _idlers(small, 5)
    calls = [await idler.begin() for idler in idlers[:4]]
    late = await idlers[4].begin()
    read = await asyncio.gather(*(_rest(call) for call in calls))
    [(index, seqs, error)] = [(index, seqs, error) for index, (seqs, error) in enumerate(read) if error]
    assert (error.code, error.reason, error.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
    assert seqs[-1] < 501
    rest = await _export(idlers[index].device, idlers[index].chat, seqs[-1] + 1)
    assert rest == list(range(seqs[-1] + 1, 502))
    assert (await _rest(late))[1] is None


async def test_who_takes_nothing_for_long_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that nobody reads ends by itself, and a second one of the same user is possible again."""
    monkeypatch.setattr(own_export, "STALL_S", 0.5)
    async with mesh_of_one(tmp_path) as mesh:
        [idler] = await _idlers(mesh, 1)
        call = await idler.begin()
        refused = await refusal(_export(idler.device, idler.chat))
        assert (refused.code, refused.reason, refused.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
        await eventually(lambda: _can_export(idler))
        seqs, error = await _rest(call)
        assert error is not None
        assert (error.code, error.reason) == (Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert await _export(idler.device, idler.chat, seqs[-1] + 1) == list(range(seqs[-1] + 1, 502))


async def _can_export(idler: Idler) -> bool:
    try:
        return len(await _export(idler.device, idler.chat)) == 501
    except MeshError as error:
        return error.reason != "OVERLOADED"


async def test_what_was_hidden_stays_hidden_when_an_export_goes_on(mesh: World) -> None:
    """Later changes of a hidden post are left out wherever an export begins, and so is what was before one's time."""
    ann = await new_device(mesh).connect()
    chat = direct(ann, ann)
    kept, secret = await ann.seqs(post(chat, "kept"), post(chat, "secret"))
    await hide(ann, chat, secret)
    edited, of_secret = await ann.seqs(edit(chat, kept), edit(chat, secret))
    assert await _export(ann, chat) == [kept, edited]
    assert await _export(ann, chat, secret + 1) == [edited]
    assert await _export(ann, chat, of_secret + 1) == []
    await delete(ann, chat)
    [later] = await ann.seqs(post(chat, "later"))
    assert await _export(ann, chat, kept) == [later]
    refused = await refusal(_export(ann, chat, -1))
    assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
