"""What users see of what they have uploaded themselves, and what becomes of it when they delete it."""

import pytest

from mesh.errors import Code
from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import (
    AbortUploadRequest,
    DeleteMediaRequest,
    GetDownloadRequest,
    GetQuotaRequest,
    GetQuotaResponse,
    ListMediaRequest,
    ListMediaResponse,
)
from svc_message.application.media.care import KEPT_MS
from tests import files
from tests.svc_message.device import direct, new_device
from tests.svc_message.uploader import Uploader, emptied, reference, show
from tests.svc_message.world import World, eventually, refusal

DAY_S = KEPT_MS / 1_000


@pytest.fixture
def ann(mesh: World) -> Uploader:
    """Somebody with files."""
    return Uploader(new_device(mesh))


async def listed(one: Uploader, **fields: object) -> ListMediaResponse:
    """A page of one's own media."""
    return await one.device.do(one.stub.ListMedia, ListMediaRequest(**fields))  # type: ignore[arg-type]


async def room(one: Uploader) -> GetQuotaResponse:
    """What one has."""
    return await one.device.do(one.stub.GetQuota, GetQuotaRequest())


async def delete(one: Uploader, media_id: str) -> None:
    """Delete one's own."""
    await one.device.do(one.stub.DeleteMedia, DeleteMediaRequest(media_id=media_id))


async def test_own_media_are_listed_and_nobody_elses(ann: Uploader) -> None:
    """The newest first, as they are known, page by page, by kind; others have a list of their own."""
    texts = [await ann.upload(b"%d" % number, "text/plain", file_name=f"{number}.txt") for number in range(3)]
    picture = await ann.upload(files.picture())
    eve = Uploader(new_device(ann.device.world))
    assert [*(await listed(ann)).media] == [picture, *texts[::-1]]
    first = await listed(ann, page_size=3)
    second = await listed(ann, page_size=3, page_token=first.next_page_token)
    assert [*first.media, *second.media] == [picture, *texts[::-1]]
    assert second.next_page_token == ""
    assert [*(await listed(ann, kinds=[media_pb2.MEDIA_KIND_IMAGE])).media] == [picture]
    assert [*(await listed(ann, kinds=[media_pb2.MEDIA_KIND_UNSPECIFIED])).media] == []
    assert [*(await listed(eve)).media] == []
    for fields in ({"page_token": first.next_page_token}, {"page_token": first.next_page_token, "page_size": 3}):
        assert (await refusal(listed(eve, **fields))).reason == "PAGE_TOKEN_INVALID"
    for bad in ({"kinds": [99]}, {"page_size": -1}, {"kinds": [1] * 9}):
        assert (await refusal(listed(ann, **bad))).code is Code.INVALID_ARGUMENT


async def test_what_uses_the_room_is_told(ann: Uploader) -> None:
    """Bytes and files by kind, and the uploads that one may still complete or give up."""
    text, picture = await ann.upload(b"12345", "text/plain"), await ann.upload(files.picture())
    upload = (await ann.create(b"x" * 100, "text/plain")).upload
    there = await room(ann)
    assert [(one.kind, one.files, one.size_bytes) for one in there.usage] == [
        (media_pb2.MEDIA_KIND_IMAGE, 1, picture.size_bytes),
        (media_pb2.MEDIA_KIND_FILE, 1, text.size_bytes),
    ]
    assert list(there.upload_ids) == [upload.media_id]
    assert (there.used_bytes, there.used_files) == (picture.size_bytes + 105, 3)
    assert there.limit_files == 20_000
    await ann.device.do(ann.stub.AbortUpload, AbortUploadRequest(media_id=upload.media_id))
    await delete(ann, picture.media_id)
    there = await room(ann)
    assert (there.used_bytes, there.used_files, list(there.upload_ids)) == (5, 1, [])
    assert [*(await listed(ann)).media] == [text]


async def test_a_message_shows_that_its_picture_is_gone(ann: Uploader, mesh: World) -> None:
    """Whoever may see the message is told that the picture is gone, also when nothing is known of it any more; others
    are told nothing, and none of its bytes is left.
    """
    sender, reader = await ann.device.connect(), await new_device(mesh).connect()
    bob, chat = Uploader(reader), direct(sender, reader)
    media = await ann.upload(files.picture())
    [seq] = await sender.seqs(show(chat, media.media_id))
    await delete(ann, media.media_id)
    await _is_gone(bob, chat, seq, media.media_id)
    await eventually(lambda: emptied(mesh))
    await eventually(lambda: _forgotten(ann, media.media_id))
    await _is_gone(bob, chat, seq, media.media_id)
    eve = Uploader(new_device(mesh))
    for stranger, place in ((eve, seq), (bob, seq + 1), (bob, 0)):
        assert (await refusal(stranger.known(media.media_id, chat, place))).reason == "MEDIA_NOT_FOUND"


async def _forgotten(owner: Uploader, media_id: str) -> bool:
    """Whether nothing is known of it, a day after what became of it was written down: after its bytes went, that is."""
    owner.device.world.clock.advance(DAY_S)
    return await owner.lost(media_id)


async def _is_gone(reader: Uploader, chat: str, seq: int, media_id: str) -> None:
    known = await reader.known(media_id, chat, seq)
    assert (known.media_id, known.state) == (media_id, media_pb2.MEDIA_STATE_EXPIRED)
    request = GetDownloadRequest(media_id=media_id, reference=reference(chat, seq))
    for attempt in (reader.read(media_id, chat, seq), reader.device.do(reader.stub.GetDownload, request)):
        refused = await refusal(attempt)
        assert (refused.code, refused.reason, refused.metadata["state"]) == (
            Code.FAILED_PRECONDITION,
            "MEDIA_NOT_READY",
            "expired",
        )
