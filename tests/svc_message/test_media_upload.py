"""Uploads: in parts, resumed, checked, once, and with an end."""

import asyncio
import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from mesh.errors import Code
from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import AbortUploadRequest, DeleteMediaRequest, GetQuotaRequest
from tests import files, heif
from tests.svc_message.device import new_device
from tests.svc_message.uploader import MIB, Uploader, emptied
from tests.svc_message.world import World, eventually, refusal

HOUR_S = 3_600.0


@pytest.fixture
def ann(mesh: World) -> Uploader:
    """Somebody with files."""
    return Uploader(new_device(mesh))


async def test_a_picture_comes_back_without_what_stood_beside_it(ann: Uploader) -> None:
    """A photo is turned upright, loses place, camera and comment, and has its thumbnails and placeholder."""
    media = await ann.upload(files.located_picture(), file_name="C:\\photos\\sea.jpg")
    assert (media.state, media.kind) == (media_pb2.MEDIA_STATE_READY, media_pb2.MEDIA_KIND_IMAGE)
    assert (media.width, media.height, media.file_name) == (300, 400, "sea.jpg")
    fetched = await ann.read(media.media_id)
    assert (len(fetched), hashlib.sha256(fetched).digest()) == (media.size_bytes, media.sha256)
    assert b"anary" not in fetched
    with Image.open(io.BytesIO(fetched)) as image:
        assert image.size == (300, 400)
        assert not image.getexif()
    assert [(one.width, one.height) for one in media.thumbnails] == [(120, 160)]
    small = await ann.read(media.media_id, size=media_pb2.THUMBNAIL_SIZE_SMALL)
    assert len(small) == media.thumbnails[0].size_bytes
    assert len(media.blur_hash) == 28


async def test_a_picture_of_a_phone_is_for_everyone(ann: Uploader) -> None:
    """HEIC, which few can show, becomes an upright JPEG with a name to match, thumbnails, and nothing of where it was
    taken; also one that is cut into tiles, as phones do, and one that calls itself by the other name.
    """
    data = heif.located_heic()
    assert b"anary" in data
    media = await ann.upload(data, "image/heic", file_name="IMG_0001.HEIC")
    assert (media.kind, media.content_type) == (media_pb2.MEDIA_KIND_IMAGE, "image/jpeg")
    assert (media.width, media.height, media.file_name) == (300, 400, "IMG_0001.jpg")
    fetched = await ann.read(media.media_id)
    assert (len(fetched), hashlib.sha256(fetched).digest()) == (media.size_bytes, media.sha256)
    assert b"anary" not in fetched
    with Image.open(io.BytesIO(fetched)) as image:
        assert (image.format, image.size) == ("JPEG", (300, 400))
        assert not image.getexif()
        assert _brightness(image, 0.1, 0.5) - _brightness(image, 0.9, 0.5) > 150  # what was the bottom is the left side
    assert [(one.width, one.height) for one in media.thumbnails] == [(120, 160)]
    assert (await ann.create(data, "image/heic")).media.media_id == media.media_id
    cut = await ann.upload(heif.heic(1024, 768, tiles=(3, 4)), "image/heif", file_name="cut.heif")
    assert (cut.content_type, cut.width, cut.height, cut.file_name) == ("image/jpeg", 1024, 768, "cut.jpg")
    unknown = await ann.upload(heif.heic(64, 64, brand=b"mif1"), "application/octet-stream")
    assert (unknown.content_type, unknown.width) == ("image/jpeg", 64)
    avatar = await ann.upload(heif.heic(128, 128), "image/heic", purpose=media_pb2.PURPOSE_AVATAR)
    assert (avatar.content_type, avatar.width) == ("image/jpeg", 128)


def _brightness(image: Image.Image, across: float, down: float) -> int:
    value = image.convert("L").getpixel((int(image.width * across), int(image.height * down)))
    assert isinstance(value, int)
    return value


async def test_an_upload_goes_on_where_it_broke_off(ann: Uploader) -> None:
    """After a break GetUpload says which parts are there; a part that came half goes on from its end; nothing twice."""
    data = bytes(range(256)) * 4 * 1024 * 11  # 11 MiB: three parts
    upload = (await ann.create(data, "application/octet-stream")).upload
    assert upload.part_count == 3
    await ann.put(upload, data, 1)
    await ann.piece(upload.media_id, 2, 0, data[5 * MIB : 6 * MIB])
    there = await ann.under_way(upload.media_id)
    assert list(there.received_parts) == [1]
    assert (await refusal(ann.complete(upload.media_id))).reason == "UPLOAD_INCOMPLETE"
    await ann.put(upload, data, 2, 3)
    media = await ann.complete(upload.media_id)
    assert (media.size_bytes, media.kind) == (len(data), media_pb2.MEDIA_KIND_FILE)
    assert await ann.read(media.media_id) == data
    assert await ann.read(media.media_id, offset=5 * MIB - 2, length=4) == data[5 * MIB - 2 : 5 * MIB + 2]


async def test_the_same_bytes_are_uploaded_once(ann: Uploader) -> None:
    """Whoever has uploaded these bytes is answered with the media at once; somebody else uploads them anew."""
    data = files.picture()
    first = await ann.upload(data)
    again = await ann.create(data)
    assert again.media.media_id == first.media_id
    stranger = Uploader(new_device(ann.device.world))
    assert (await stranger.create(data)).HasField("upload")


async def test_the_request_of_a_deleted_media_has_ended(ann: Uploader) -> None:
    """Whoever repeats it is told so, and uploads the file with a new one: the bytes are gone."""
    data = files.picture(seed=9)
    first = await ann.upload(data, request_id="first")
    await ann.device.do(ann.stub.DeleteMedia, DeleteMediaRequest(media_id=first.media_id))
    assert (await refusal(ann.create(data, request_id="first"))).reason == "UPLOAD_NOT_FOUND"
    assert (await ann.create(data, request_id="second")).HasField("upload")


async def test_what_is_repeated_is_answered_the_same(ann: Uploader) -> None:
    """Create, put and complete may all be repeated; a request id for other content is told so."""
    data = files.picture(seed=7)
    one = await ann.create(data, request_id="once")
    two = await ann.create(data, request_id="once")
    assert one.upload.media_id == two.upload.media_id
    other = await refusal(ann.create(data + b"!", request_id="once"))
    assert (other.code, other.reason) == (Code.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    await ann.put(one.upload, data)
    await ann.put(one.upload, data)
    finished = await asyncio.gather(*(patiently(ann, one.upload.media_id) for _ in range(3)))
    assert len({media.SerializeToString(deterministic=True) for media in finished}) == 1


async def patiently(ann: Uploader, media_id: str) -> media_pb2.Media:
    """Complete, as often as it is told to try again."""
    while True:
        try:
            return await ann.complete(media_id)
        except Exception as error:
            if getattr(error, "code", None) is not Code.UNAVAILABLE:
                raise


async def test_voice_and_video_are_measured(ann: Uploader, tmp_path: Path) -> None:
    """A recording has its length and loudness, a video its length, size and a picture, whatever the uploader said."""
    voice = await ann.upload(files.voice(tmp_path, 1.5), "audio/ogg", duration_ms=60_000)
    assert (voice.kind, voice.content_type) == (media_pb2.MEDIA_KIND_AUDIO, "audio/ogg")
    assert abs(voice.duration_ms - 1_500) < 100
    assert max(voice.waveform[:20]) < max(voice.waveform[-20:]) == 255
    video = await ann.upload(files.video(tmp_path, 2.0), "video/mp4")
    assert (video.kind, video.width, video.height) == (media_pb2.MEDIA_KIND_VIDEO, 320, 240)
    assert abs(video.duration_ms - 2_000) < 100
    poster = await ann.read(video.media_id, size=media_pb2.THUMBNAIL_SIZE_SMALL)
    with Image.open(io.BytesIO(poster)) as image:
        assert image.size == (160, 120)


async def test_a_video_does_not_say_where_it_was_taken(ann: Uploader, tmp_path: Path) -> None:
    """The place that a phone writes into a video is gone from what is fetched, and it still plays."""
    data = files.video(tmp_path, 1.0, location="+48.8583+002.2944/")
    assert b"+48.8583" in data
    media = await ann.upload(data, "video/mp4")
    fetched = await ann.read(media.media_id)
    assert b"+48.8583" not in fetched
    again = await ann.upload(fetched, "video/mp4")
    assert (again.width, abs(again.duration_ms - 1_000) < 100) == (320, True)


async def test_a_moving_picture_still_moves(ann: Uploader) -> None:
    """All frames of a GIF are drawn anew, and the script that somebody hid behind them is not there."""
    media = await ann.upload(files.moving_picture(4) + b"<script>alert(1)</script>", "image/gif")
    fetched = await ann.read(media.media_id)
    assert b"script" not in fetched
    with Image.open(io.BytesIO(fetched)) as image:
        assert getattr(image, "n_frames", 1) == 4


async def test_an_avatar_is_for_everyone(ann: Uploader) -> None:
    """A picture of a user is fetched by whoever is logged in, drawn anew and not larger than a screen."""
    media = await ann.upload(files.picture(2_000, 1_000), purpose=media_pb2.PURPOSE_AVATAR)
    assert (media.width, media.height) == (1_280, 640)
    eve = Uploader(new_device(ann.device.world))
    assert len(await eve.read(media.media_id)) == media.size_bytes


async def test_room_is_counted_and_given_back(ann: Uploader) -> None:
    """An upload counts from its beginning, a media until it is deleted; then its bytes are nobody's."""
    before = await ann.device.do(ann.stub.GetQuota, GetQuotaRequest())
    assert (before.used_bytes, before.limit_bytes, before.max_media_bytes) == (0, 5 * 1024**3, 100 * MIB)
    upload = (await ann.create(b"x" * 1_000, "text/plain")).upload
    assert (await ann.device.do(ann.stub.GetQuota, GetQuotaRequest())).used_bytes == 1_000
    await ann.put(upload, b"x" * 1_000)
    media = await ann.complete(upload.media_id)
    for _ in range(2):
        await ann.device.do(ann.stub.DeleteMedia, DeleteMediaRequest(media_id=media.media_id))
    assert (await ann.device.do(ann.stub.GetQuota, GetQuotaRequest())).used_bytes == 0
    assert (await ann.known(media.media_id)).state == media_pb2.MEDIA_STATE_EXPIRED
    assert (await refusal(ann.read(media.media_id))).reason == "MEDIA_NOT_READY"
    await eventually(lambda: emptied(ann.device.world))


async def test_an_idle_upload_is_aborted(ann: Uploader) -> None:
    """An hour after its last part an upload has ended, and its bytes are gone; one with a newer part goes on."""
    data = b"y" * (6 * MIB)
    upload = (await ann.create(data, "text/plain")).upload
    await ann.put(upload, data, 2)
    ann.device.world.clock.advance(HOUR_S - 60)
    assert (await ann.under_way(upload.media_id)).received_parts == [2]
    ann.device.world.clock.advance(120)
    await eventually(lambda: _gone(ann, upload.media_id))
    await eventually(lambda: emptied(ann.device.world))


async def _gone(ann: Uploader, media_id: str) -> bool:
    ann.device.world.clock.advance(6.0)
    try:
        await ann.under_way(media_id)
    except Exception as error:  # noqa: BLE001 - looked at below
        return getattr(error, "reason", "") == "UPLOAD_NOT_FOUND"
    return False


async def test_an_upload_is_given_up(ann: Uploader) -> None:
    """What is aborted is not found any more, frees its place, and may be aborted twice."""
    upload = (await ann.create(b"z" * 100, "text/plain", request_id="given up")).upload
    for _ in range(2):
        await ann.device.do(ann.stub.AbortUpload, AbortUploadRequest(media_id=upload.media_id))
    assert (await refusal(ann.under_way(upload.media_id))).reason == "UPLOAD_NOT_FOUND"
    ended = await refusal(ann.create(b"z" * 100, "text/plain", request_id="given up"))
    assert ended.reason == "UPLOAD_NOT_FOUND"
    assert (await ann.create(b"z" * 100, "text/plain")).HasField("upload")
