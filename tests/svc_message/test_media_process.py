"""Work on media that have come whole: taken up again, given up, and leaving nothing behind."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from mesh.errors import MeshError
from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import DeleteMediaRequest
from tests import files
from tests.svc_message.device import new_device
from tests.svc_message.uploader import Uploader, emptied
from tests.svc_message.world import World, eventually, mesh_of_one, process, refusal


@pytest.fixture
def ann(mesh: World) -> Uploader:
    """Somebody with files."""
    return Uploader(new_device(mesh))


async def test_work_that_a_node_dropped_is_taken_up(tmp_path: Path) -> None:
    """A media that a node had begun with when it ended is made READY by the next one, when its lease has run out."""
    async with mesh_of_one(tmp_path) as mesh:
        ann = Uploader(new_device(mesh))
        await ann.upload(files.picture(seed=1))
        upload = (await ann.create(files.picture(seed=2))).upload
        await ann.put(upload, files.picture(seed=2))
        path = mesh.folder / "media" / upload.media_id[-2:] / upload.media_id
        await ann.complete(upload.media_id)
        await _unmake(mesh, upload.media_id, path, files.picture(seed=2))
        assert (await ann.known(upload.media_id)).state == media_pb2.MEDIA_STATE_PROCESSING
        async with process(mesh, "message", number=2):
            mesh.clock.advance(91.0)
            await eventually(lambda: _ready(ann, upload.media_id))
        assert not (path / "upload").exists()


async def test_what_is_deleted_while_a_node_is_at_it_leaves_nothing(ann: Uploader) -> None:
    """A picture that is deleted while its thumbnails are made: what the node makes afterwards is not kept either."""
    mesh, data = ann.device.world, files.picture(2_400, 2_400, "PNG")
    upload = (await ann.create(data, "image/png")).upload
    await ann.put(upload, data)
    completing = asyncio.create_task(ann.complete(upload.media_id))
    await eventually(lambda: _is(ann, upload.media_id, media_pb2.MEDIA_STATE_PROCESSING))
    await ann.device.do(ann.stub.DeleteMedia, DeleteMediaRequest(media_id=upload.media_id))
    mesh.clock.advance(6.0)
    assert (await completing).state == media_pb2.MEDIA_STATE_EXPIRED
    await eventually(lambda: emptied(mesh))


async def _is(ann: Uploader, media_id: str, state: media_pb2.MediaState.ValueType) -> bool:
    with suppress(MeshError):
        return (await ann.known(media_id)).state == state
    return False


async def test_what_nodes_die_of_is_rejected(ann: Uploader) -> None:
    """A media with which three nodes began and none ended is begun with no more: it is rejected, and its bytes go."""
    mesh, media = ann.device.world, await ann.upload(files.picture())
    path = mesh.folder / "media" / media.media_id[-2:] / media.media_id
    await _unmake(mesh, media.media_id, path, files.picture(), attempts=3)
    mesh.clock.advance(91.0)
    await eventually(lambda: emptied(mesh))
    assert (await ann.known(media.media_id)).state == media_pb2.MEDIA_STATE_REJECTED
    assert (await refusal(ann.complete(media.media_id))).reason == "MEDIA_TYPE_REFUSED"


async def _unmake(mesh: World, media_id: str, path: Path, data: bytes, attempts: int = 1) -> None:
    """Set a media back to how a node that is killed at its work leaves it."""
    import json  # noqa: PLC0415 - used here only
    import sqlite3  # noqa: PLC0415 - as above

    (path / "upload").write_bytes(data)
    connection = sqlite3.connect(mesh.database, timeout=5)
    with connection:
        [about] = connection.execute("SELECT about FROM media WHERE id = ?", (media_id,)).fetchone()
        document = json.loads(about)
        document["findings"] |= {"content": "upload", "thumbnails": []}
        document["attempts"] = attempts
        due = mesh.clock.now_ms() + 90_000
        sql = "UPDATE media SET state = 1, due_at_ms = ?, about = ?, revision = revision + 1 WHERE id = ?"
        connection.execute(sql, (due, json.dumps(document), media_id))
    connection.close()


async def _ready(ann: Uploader, media_id: str) -> bool:
    ann.device.world.clock.advance(6.0)
    return (await ann.known(media_id)).state == media_pb2.MEDIA_STATE_READY
