"""Users who want to harm others by files: what they are given is bounded, and others keep theirs."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from mesh.caller import Caller
from mesh.errors import Code, MeshError
from mesh.ids import Ids
from mesh.settings import Secret
from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import ListMediaRequest, ReadMediaRequest, ReadMediaResponse
from parley.message.v1.body_pb2 import Body, File, MediaRef
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application.media import fetch as fetch_media
from svc_message.application.media import process
from svc_message.application.media.process import Processing
from svc_message.application.media.upload import Progress, Uploads
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Claim, Findings, Media, MediaKind, MediaLimits, MediaState, Purpose
from svc_message.domain.media.ports import MediaRecords
from svc_message.infrastructure.examiner.pool import ExaminerPool
from svc_message.infrastructure.store import open_store
from svc_message.infrastructure.vault import open_vault
from svc_message.servicer import tokens
from tests import files
from tests.refused import decode
from tests.svc_message.device import new_device, send
from tests.svc_message.uploader import MIB, Uploader
from tests.svc_message.world import MovableClock, World, eventually, mesh_of_one, refusal

ReadCall = grpc.aio.UnaryStreamCall[ReadMediaRequest, ReadMediaResponse]
ANN = UserId("u" + "a" * 15)


@pytest.fixture
def ann(mesh: World) -> Uploader:
    """Somebody with files."""
    return Uploader(new_device(mesh))


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "C:\\x", "a\0b", "a\nb", "gpj.\u202eexe", "\u2066a", "a\u2028b", "x" * 256]
)
async def test_names_in_messages_lead_nowhere(ann: Uploader, name: str) -> None:
    """12, 14: what a message calls a file is what receivers save it as, so a path, a control character or a name that
    turns around is refused with the field that has it, in a post as in an edit.
    """
    media, chat = await ann.upload(b"text", "text/plain"), f"{ann.device.user_id}-{ann.device.user_id}"
    shown = Body(file=File(media=MediaRef(media_id=media.media_id, name=name)), fallback_text="file")
    request = SendRequest(send=send(chat, Content(post=Post(body=shown))))
    refused = await refusal(ann.device.do(ann.device.world.messages.Send, request))
    assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert any(one.field.endswith("media.name") for one in refused.fields)


async def test_an_ordinary_name_is_taken(ann: Uploader) -> None:
    """Dots, blanks, quotes and writings of all kinds are no harm."""
    media, chat = await ann.upload(b"text", "text/plain"), f"{ann.device.user_id}-{ann.device.user_id}"
    for name in ("", "..", "año 2026 (final).tar.gz", "照片.jpg", "it's.txt", "שלום.pdf", "🚂.png"):
        shown = Body(file=File(media=MediaRef(media_id=media.media_id, name=name)), fallback_text="file")
        request = SendRequest(send=send(chat, Content(post=Post(body=shown))))
        assert (await ann.device.do(ann.device.world.messages.Send, request)).seq


@pytest.mark.parametrize("place", ["\ud800", "\0", 7, ["m"], {"$gt": ""}, True])
async def test_page_tokens_that_somebody_made(ann: Uploader, place: Any) -> None:
    """What no store can look for, or is no place, is told so; anybody can seal a place, as there is no key."""
    caller = Caller(user_id=ann.device.user_id)
    sealed_alike = tokens.encode(ListMediaRequest(), caller, "m" * 16)
    assert not (await ann.device.do(ann.stub.ListMedia, ListMediaRequest(page_token=sealed_alike))).next_page_token
    forged = tokens.encode(ListMediaRequest(), caller, place)
    refused = await refusal(ann.device.do(ann.stub.ListMedia, ListMediaRequest(page_token=forged)))
    assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


@pytest.fixture
async def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Return a mesh where somebody may read two media at a time."""
    monkeypatch.setattr(fetch_media, "OF_ONE", 2)
    async with mesh_of_one(tmp_path) as made:
        yield made


async def test_who_takes_nothing_keeps_nobody_out(few: World) -> None:
    """Somebody opens a file again and again and reads none of it: they have a few places, and others theirs."""
    ann = Uploader(new_device(few))
    media = await ann.upload(bytes(8 * MIB), "application/octet-stream")
    eve = Uploader(new_device(ann.device.world))
    hers = await eve.upload(b"hers", "text/plain")
    metadata = (("authorization", f"Bearer {ann.device.token}"),)
    stalled = [ann.stub.ReadMedia(ReadMediaRequest(media_id=media.media_id), metadata=metadata) for _ in range(2)]
    for call in stalled:
        assert await call.read() is not grpc.aio.EOF
    refused = await refusal(ann.read(media.media_id))
    assert (refused.code, refused.reason, refused.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
    assert await eve.read(hers.media_id) == b"hers"
    for call in stalled:
        call.cancel()
    await eventually(lambda: _reads(ann, media))


async def test_many_who_take_nothing_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With each place of a node in the hands of somebody who reads nothing, others read at once, and one who made room
    goes on where they were.
    """
    monkeypatch.setattr(fetch_media, "READERS", 2)
    async with mesh_of_one(tmp_path) as mesh:
        idle, eve = [Uploader(new_device(mesh)) for _ in range(2)], Uploader(new_device(mesh))
        stalled = [await _stalled(one) for one in idle]
        hers = await eve.upload(b"hers", "text/plain")
        assert await eve.read(hers.media_id) == b"hers"
        ends = [await _to_the_end(call) for _, call in stalled]
        [(place, came, error)] = [(place, came, error) for place, (came, error) in enumerate(ends) if error]
        assert (error.code, error.reason, error.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
        rest = await idle[place].read(stalled[place][0], offset=came)
        assert came + len(rest) == 8 * MIB


async def _stalled(one: Uploader) -> tuple[str, ReadCall]:
    """A file that somebody opened, and of which they took the first piece."""
    media = await one.upload(bytes(8 * MIB), "application/octet-stream")
    metadata = (("authorization", f"Bearer {one.device.token}"),)
    call = one.stub.ReadMedia(ReadMediaRequest(media_id=media.media_id), metadata=metadata)
    assert await call.read() is not grpc.aio.EOF
    return media.media_id, call


async def _to_the_end(call: ReadCall) -> tuple[int, MeshError | None]:
    """Where what comes ends, and with which error if any."""
    reached = 0
    try:
        while isinstance(answer := await call.read(), ReadMediaResponse):
            reached = answer.offset + len(answer.data)
    except grpc.aio.AioRpcError as error:
        return reached, decode(error)
    return reached, None


async def _reads(one: Uploader, media: media_pb2.Media) -> bool:
    try:
        return len(await one.read(media.media_id)) == media.size_bytes
    except MeshError as error:
        return error.reason != "OVERLOADED"


async def test_many_files_of_one_do_not_hold_up_those_of_others(tmp_path: Path) -> None:
    """While somebody has many pictures looked at, of which all are asked for, the file of another one is done before
    most of these are.
    """
    async with mesh_of_one(tmp_path, prepare=_with_one_examiner) as mesh:
        ann, eve = Uploader(new_device(mesh)), Uploader(new_device(mesh))
        uploads = [await _all_but_complete(ann, files.picture(800, 800, "PNG", seed=number)) for number in range(6)]
        hers = await _all_but_complete(eve, files.picture(9, 9, "PNG"))
        completing = [asyncio.create_task(ann.complete(media_id)) for media_id in uploads]
        await eventually(lambda: _is_known(ann, uploads))
        assert (await eve.complete(hers)).state == media_pb2.MEDIA_STATE_READY
        assert sum(task.done() for task in completing) < 3
        await asyncio.gather(*completing)


def _with_one_examiner(world: World) -> None:
    world.message = replace(world.message, media=replace(world.message.media, examiners=1))


async def _all_but_complete(one: Uploader, data: bytes) -> str:
    media_id = (await one.create(data, "image/png")).upload.media_id
    await one.piece(media_id, 1, 0, data)
    return media_id


async def _is_known(one: Uploader, media_ids: list[str]) -> bool:
    """Whether the first of these has been looked at for the first time."""
    return bool([media_id for media_id in media_ids if await _is_there(one, media_id)])


async def _is_there(one: Uploader, media_id: str) -> bool:
    with suppress(MeshError):
        return bool(await one.known(media_id))
    return False


async def test_who_fills_the_queue_waits_before_it(ann: Uploader, tmp_path: Path) -> None:
    """What is being looked at counts as under way, so nobody has more of it than uploads."""
    async with open_store(f"sqlite:{tmp_path / 'other.db'}", Secret()) as store:
        limits = MediaLimits(uploads=2)
        for number in (1, 2):
            begun = await store.media.begin(_new(number), limits)
            await store.media.change(_processing(begun))
        refused = await refusal(store.media.begin(_new(3), limits))
        assert (refused.reason, refused.retry_after) == ("TOO_MANY_UPLOADS", 10.0)


class Held:
    """The records as a node has them that is held up after it has read one for the first time."""

    def __init__(self, records: MediaRecords) -> None:
        self._records = records
        self.held = asyncio.Event()
        self.going = asyncio.Event()

    async def find(self, media_id: str) -> Media | None:
        """What it read, late."""
        found = await self._records.find(media_id)
        self.held.set()
        await self.going.wait()
        return found

    def __getattr__(self, name: str) -> object:
        """All else as it is."""
        return getattr(self._records, name)


Node = tuple[Processing, Uploads]


@asynccontextmanager
async def _nodes(tmp_path: Path) -> AsyncIterator[tuple[Node, Node, Held]]:
    """Two nodes on one store, the second one as it reads late, and what it reads by."""
    clock = MovableClock()
    async with (
        open_store(f"sqlite:{tmp_path / 'message.db'}", Secret()) as store,
        open_vault(f"disk:{tmp_path / 'media'}", Secret(), Secret(), clock) as vault,
        ExaminerPool.opened(1) as pool,
    ):

        def node(records: MediaRecords) -> Node:
            processing = Processing(records, vault, pool, clock)
            return processing, Uploads(records, vault, pool, processing, MediaLimits(), clock, Ids(clock))

        late = Held(store.media)
        yield node(store.media), node(cast("MediaRecords", late)), late


async def _put(uploads: Uploads) -> str:
    """A picture of which all parts have come."""
    data = files.picture()
    claim = Claim(Purpose.MESSAGE, len(data), hashlib.sha256(data).digest(), "image/jpeg")
    begun = await uploads.begin(ANN, "r", claim)
    assert isinstance(begun, Progress)
    await uploads.put(ANN, begun.media.media_id, 1, 0, data)
    return begun.media.media_id


async def test_very_many_files_of_one_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has as many files looked at as may wait completes the next one later; nothing of it is lost."""
    monkeypatch.setattr(process, "MOST_OF_ONE", 1)
    async with _nodes(tmp_path) as ((processing, uploads), _, _):
        media_id = await _put(uploads)
        async with processing.turns.of(ANN):
            refused = await refusal(uploads.complete(ANN, media_id))
        assert (refused.code, refused.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert (await uploads.complete(ANN, media_id)).state is MediaState.READY


async def test_two_nodes_that_complete_an_upload_say_the_same(tmp_path: Path) -> None:
    """A node that was held up completes what another one has completed, joined and tidied meanwhile: it is no error."""
    async with _nodes(tmp_path) as ((_, one), (_, other), late):
        media_id = await _put(one)
        second = asyncio.create_task(other.complete(ANN, media_id))
        await late.held.wait()
        first = await one.complete(ANN, media_id)
        assert first.state is MediaState.READY
        late.going.set()
        assert (await second).media_id == first.media_id


def _new(number: int) -> Media:
    claim = Claim(Purpose.MESSAGE, 1, bytes(32), "text/plain")
    return Media(f"m{number:015}", ANN, f"r{number}", claim, MediaState.UPLOADING, 5, 50)


def _processing(media: Media) -> Media:
    found = Findings(MediaKind.FILE, "text/plain", 1, bytes(32))
    return replace(media, state=MediaState.PROCESSING, findings=found)
