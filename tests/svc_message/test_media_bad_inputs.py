"""Files and requests that somebody made on purpose: each is answered with its code, and nothing of it stays."""

import asyncio
import gzip
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from mesh.errors import Code
from parley.media.v1 import media_pb2
from svc_message.application.media import upload as upload_module
from svc_message.domain.media import file as domain
from svc_message.domain.media.file import Claim, Findings, MediaKind, Purpose
from svc_message.infrastructure.examiner.pool import ExaminerPool
from tests import files, heif
from tests.svc_message.device import new_device
from tests.svc_message.uploader import MIB, Uploader, emptied
from tests.svc_message.world import World, eventually, refusal

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><body>hello</body></html>"
TYPE = (Code.INVALID_ARGUMENT, "MEDIA_TYPE_REFUSED")
PIXELS = (Code.INVALID_ARGUMENT, "MEDIA_TOO_MANY_PIXELS")
GIB = 1024**3
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
REQUEST = (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
CONFLICT = (Code.ABORTED, "UPLOAD_PART_CONFLICT")


@pytest.fixture
def ann(mesh: World) -> Uploader:
    """Somebody with files."""
    return Uploader(new_device(mesh))


async def outcome(awaitable: object) -> tuple[Code, str]:
    """Code and reason of a refusal."""
    error = await refusal(awaitable)  # type: ignore[arg-type]
    return error.code, error.reason


@pytest.mark.parametrize(
    "content_type, data, expected",
    [
        pytest.param("image/png", HTML, TYPE, id="5 html as png"),
        pytest.param("text/plain", HTML, TYPE, id="5 html as text"),
        pytest.param("application/octet-stream", HTML, TYPE, id="5 html as anything"),
        pytest.param("image/svg+xml", SVG, TYPE, id="7 svg"),
        pytest.param("text/plain", SVG, TYPE, id="7 svg as text"),
        pytest.param("image/png", files.huge_png(), PIXELS, id="8 many pixels"),
        pytest.param("image/gif", files.huge_gif(), PIXELS, id="8 many pixels in frames"),
        pytest.param("image/gif", files.huge_gif(65_000, 65_000, 1), PIXELS, id="8 gif of many pixels"),
        pytest.param("application/zip", files.zip_bomb(), TYPE, id="9 zip bomb"),
        pytest.param("application/zip", files.zip_bomb(100, random.Random(1).randbytes(5_000)), TYPE, id="9 overlap"),
        pytest.param(DOCX, files.zip_bomb(first="word/document.xml"), TYPE, id="9 zip bomb as a document"),
        pytest.param("application/zip", files.zips_in_zips(2), TYPE, id="9 zips in zips"),
        pytest.param("application/zip", files.zips_in_zips(5, 1, b"x"), TYPE, id="9 zips in zips without end"),
        pytest.param("application/gzip", files.zeros(608), TYPE, id="9 gzip bomb"),
        pytest.param("application/octet-stream", files.zeros(608), TYPE, id="9 gzip bomb as anything"),
        pytest.param("application/zip", files.archive(a=files.zeros(608)), TYPE, id="9 gzip bomb in a zip"),
        pytest.param("application/x-tar", files.sparse_tar(), TYPE, id="9 tar with a hole"),
        pytest.param("application/gzip", gzip.compress(files.sparse_tar()), TYPE, id="9 tar with a hole in a gzip"),
        pytest.param("application/x-tar", files.tar(a=files.zeros(608)), TYPE, id="9 gzip bomb in a tar"),
        pytest.param("application/x-7z-compressed", files.seven_zip(GIB), TYPE, id="9 7z bomb"),
        pytest.param("application/x-7z-compressed", files.seven_zip(GIB, packed=False), TYPE, id="9 7z, plain table"),
        pytest.param("application/vnd.rar", files.rar(9, GIB), TYPE, id="9 rar bomb"),
        pytest.param("application/vnd.rar", files.old_rar(9, 9 * GIB), TYPE, id="9 old rar bomb"),
        pytest.param("image/jpeg", files.picture()[:-2_000], TYPE, id="10 truncated jpeg"),
        pytest.param("image/heic", heif.heic()[:-300], TYPE, id="10 truncated heic"),
        pytest.param("image/heic", heif.heic(told=(50_000, 50_000)), PIXELS, id="8 heic of many pixels"),
        pytest.param("image/heic", heif.heic(256, 256, tiles=(3, 4), told=(60_000, 60_000)), PIXELS, id="8 heic tiles"),
        pytest.param("image/heic", heif.heic(640, 480, told=(64, 64)), TYPE, id="heic that is larger than it says"),
        pytest.param("image/heic", heif.heic(64, 64, told=(640, 480)), TYPE, id="heic that is smaller than it says"),
        pytest.param("image/heic", b"\0\0\0\x18ftypheic" + bytes(200), TYPE, id="heic of nothing"),
        pytest.param("image/heic", files.picture(), TYPE, id="jpeg as heic"),
        pytest.param("image/jpeg", heif.heic(64, 64), TYPE, id="heic as jpeg"),
        pytest.param("video/mp4", heif.heic(64, 64), TYPE, id="heic as video"),
        pytest.param("image/png", files.picture(), TYPE, id="jpeg as png"),
        pytest.param("video/mp4", files.picture(), TYPE, id="jpeg as video"),
        pytest.param("video/mp4", b"\0\0\0\x18ftypmp42" + bytes(200), TYPE, id="video of nothing"),
        pytest.param("audio/mpeg", b"ID3" + bytes(2_000), TYPE, id="sound of nothing"),
        pytest.param("application/octet-stream", b"MZ" + bytes(200), TYPE, id="program"),
        pytest.param("application/zip", files.archive(**{"META-INF/MANIFEST.MF": b""}), TYPE, id="program in a zip"),
        pytest.param("application/zip", b"PK\x03\x04" + bytes(100), TYPE, id="zip of nothing"),
        pytest.param("application/x-msdownload", b"whatever", TYPE, id="type that is not taken"),
    ],
)
async def test_files_that_are_not_taken(
    ann: Uploader, content_type: str, data: bytes, expected: tuple[Code, str]
) -> None:
    """Bytes decide what a file is; what is refused is refused again, frees its room, and leaves no bytes."""
    error = await refusal(_both(ann, data, content_type))
    assert (error.code, error.reason) == expected
    await eventually(lambda: emptied(ann.device.world))


@pytest.mark.parametrize(
    "content_type, data",
    [
        pytest.param("application/gzip", files.zeros(160), id="gzip of zeros below the bound"),
        pytest.param("application/gzip", gzip.compress(files.tar(a=b"a", b=files.archive(c=b"c"))), id="tar.gz"),
        pytest.param("application/gzip", gzip.compress(b"text")[:-6], id="gzip that is cut"),
        pytest.param("application/x-tar", files.tar(a=b"a", b=b"b"), id="tar"),
        pytest.param("application/zip", files.zips_in_zips(3, 2, b"x"), id="zips in zips"),
        pytest.param("application/x-7z-compressed", files.seven_zip(MIB), id="7z"),
        pytest.param("application/x-7z-compressed", files.seven_zip(GIB)[:-9], id="7z that is cut"),
        pytest.param("application/vnd.rar", files.rar(MIB, MIB), id="rar"),
        pytest.param("application/vnd.rar", files.old_rar(MIB), id="old rar"),
    ],
)
async def test_archives_that_are_taken(ann: Uploader, content_type: str, data: bytes) -> None:
    """What stays within measure is taken as it came, and so is what cannot be looked into."""
    media = await ann.upload(data, content_type)
    assert (media.state, media.content_type) == (media_pb2.MEDIA_STATE_READY, content_type)


async def _both(ann: Uploader, data: bytes, content_type: str) -> None:
    """Upload, and when that is refused, complete once more: the answer is the same."""
    upload = (await ann.create(data, content_type)).upload
    await ann.put(upload, data)
    first = await refusal(ann.complete(upload.media_id))
    again = await refusal(ann.complete(upload.media_id))
    assert (first.code, first.reason) == (again.code, again.reason)
    raise first


@pytest.mark.parametrize(
    "fields, expected",
    [
        pytest.param({"size_bytes": 0}, REQUEST, id="1 size 0"),
        pytest.param({"size_bytes": 100 * MIB + 1}, (Code.RESOURCE_EXHAUSTED, "MEDIA_TOO_LARGE"), id="2 over the cap"),
        pytest.param(
            {"size_bytes": 10_001 * domain.PART_BYTES}, (Code.RESOURCE_EXHAUSTED, "MEDIA_TOO_LARGE"), id="19 parts"
        ),
        pytest.param({"file_name": "x" * 10_240}, REQUEST, id="13 long name"),
        pytest.param({"file_name": "a\0b"}, REQUEST, id="14 NUL in the name"),
        pytest.param({"file_name": "a\u202egpj.exe"}, REQUEST, id="a name that turns around"),
        pytest.param({"sha256": b"short"}, REQUEST, id="short hash"),
        pytest.param({"content_type": "image/jpeg\r\nx: y"}, REQUEST, id="header in the type"),
        pytest.param({"purpose": media_pb2.PURPOSE_UNSPECIFIED}, REQUEST, id="no purpose"),
        pytest.param({"purpose": 99}, REQUEST, id="unknown purpose"),
        pytest.param(
            {"purpose": media_pb2.PURPOSE_AVATAR, "size_bytes": 6 * MIB},
            (Code.RESOURCE_EXHAUSTED, "MEDIA_TOO_LARGE"),
            id="large avatar",
        ),
        pytest.param(
            {"purpose": media_pb2.PURPOSE_AVATAR, "content_type": "video/mp4"}, TYPE, id="avatar that is none"
        ),
    ],
)
async def test_claims_that_are_not_taken(ann: Uploader, fields: dict[str, Any], expected: tuple[Code, str]) -> None:
    """What is wrong with a file by what is said of it is refused before a byte has moved."""
    assert await outcome(ann.create(b"data", **fields)) == expected


async def test_size_and_hash_must_be_the_declared_ones(ann: Uploader) -> None:
    """3, 4: fewer bytes than declared are incomplete, other bytes are a mismatch, and neither becomes a media."""
    short = (await ann.create(b"x" * 100, "text/plain")).upload
    await ann.piece(short.media_id, 1, 0, b"x" * 99)
    assert await outcome(ann.complete(short.media_id)) == (Code.FAILED_PRECONDITION, "UPLOAD_INCOMPLETE")
    other = (await ann.create(b"x" * 50, "text/plain")).upload
    await ann.put(other, b"y" * 50)
    assert await outcome(ann.complete(other.media_id)) == (Code.FAILED_PRECONDITION, "MEDIA_HASH_MISMATCH")


@pytest.mark.parametrize(
    "name, shown",
    [("../../x", "x"), ("C:\\a\\..\\b.txt", "b.txt"), ("..", ""), ("a/b/", ""), ("photo.jpg.exe", "photo.jpg.exe")],
)
async def test_names_lead_nowhere(ann: Uploader, name: str, shown: str) -> None:
    """12, 15: of a path only the last part is kept, and a name decides nothing about a file."""
    media = await ann.upload(files.picture(), file_name=name)
    assert (media.file_name, media.content_type) == (shown, "image/jpeg")


async def test_pieces_that_do_not_fit(ann: Uploader) -> None:
    """16, 17, 18: out of order, overlapping, other bytes, too long, empty, or of a part that there is not."""
    data = b"0123456789" * 10
    media_id = (await ann.create(data, "text/plain")).upload.media_id
    await ann.piece(media_id, 1, 0, data[:10])
    for number, offset, piece in ((1, 20, b"out of order"), (1, 5, b"overlap, longer"), (1, 0, b"other bytes"[:10]),
                                  (1, 10, b"x" * 200), (2, 0, b"x"), (10_000, 0, b"x")):  # fmt: skip
        assert await outcome(ann.piece(media_id, number, offset, piece)) == CONFLICT
    for number, offset, piece in (
        (1, 10, b""),
        (0, 0, b"x"),
        (10_001, 0, b"x"),
        (1, -1, b"x"),
        (1, 0, b"x" * (MIB + 1)),
    ):
        assert await outcome(ann.piece(media_id, number, offset, piece)) == REQUEST
    await ann.piece(media_id, 1, 10, data[10:])
    assert (await ann.complete(media_id)).size_bytes == 100


async def test_uploads_of_others_are_not_there(ann: Uploader) -> None:
    """20: whoever guesses the id of an upload learns nothing and changes nothing."""
    media_id = (await ann.create(b"mine", "text/plain")).upload.media_id
    eve = Uploader(new_device(ann.device.world))
    for attempt in (eve.under_way(media_id), eve.piece(media_id, 1, 0, b"hers"), eve.complete(media_id)):
        assert await outcome(attempt) == (Code.NOT_FOUND, "UPLOAD_NOT_FOUND")
    await ann.piece(media_id, 1, 0, b"mine")
    assert (await ann.complete(media_id)).size_bytes == 4


@pytest.mark.parametrize("fields", [{"offset": -1}, {"offset": 2**63 - 1}, {"offset": 4}, {"length": -1}])
async def test_ranges_that_are_none(ann: Uploader, fields: dict[str, Any]) -> None:
    """29: a range before the beginning or past the end, however far."""
    media = await ann.upload(b"four", "text/plain")
    assert await outcome(ann.read(media.media_id, **fields)) == (Code.OUT_OF_RANGE, "RANGE_INVALID")


async def test_room_and_places_end(ann: Uploader) -> None:
    """41, 42: beyond the quota, and of fifty uploads at once more than twenty, are refused until there is room."""
    refusals = await asyncio.gather(*(ann.create(b"a%d" % n, "text/plain") for n in range(50)), return_exceptions=True)
    reasons = [one.reason for one in refusals if hasattr(one, "reason")]
    assert reasons == ["TOO_MANY_UPLOADS"] * 30
    eve = Uploader(new_device(ann.device.world))
    for number in range(20):
        size = 100 * MIB
        await eve.create(b"%d" % number, "text/plain", size_bytes=size)
    assert (await outcome(eve.create(b"more", "text/plain")))[1] == "TOO_MANY_UPLOADS"


async def test_what_kills_an_examiner_kills_nothing_else(tmp_path: Path) -> None:
    """A file that takes longer than a file may, or of which a process dies, is refused; the next file is looked at."""
    async with ExaminerPool.opened(1) as pool:
        path, data = tmp_path / "file", files.picture()
        path.write_bytes(data)
        claim = Claim(Purpose.MESSAGE, len(data), hashlib.sha256(data).digest(), "image/jpeg")
        pool._job_s = 0.001
        assert (await refusal(pool.inspect(path, claim))).reason == "MEDIA_TYPE_REFUSED"
        pool._job_s = 30.0
        inspecting = asyncio.create_task(pool.inspect(path, claim))
        for _ in range(2):
            await eventually(lambda: _runs(pool))
            await _kill(pool)
        assert (await refusal(inspecting)).reason == "MEDIA_TYPE_REFUSED"
        found = await pool.inspect(path, claim)
        assert (found.kind, found.width) == (MediaKind.IMAGE, 640)


async def _runs(pool: ExaminerPool) -> bool:
    [child] = pool._all
    return child._process is not None and child._process.returncode is None


async def _kill(pool: ExaminerPool) -> None:
    [child] = pool._all
    process = child._process
    assert process is not None
    process.kill()
    await asyncio.to_thread(process.wait)


async def test_a_busy_pool_says_so(tmp_path: Path) -> None:
    """More files than may wait are refused as OVERLOADED, which says nothing about the file."""
    pool = ExaminerPool(1, max_waiting=0)
    claim = Claim(Purpose.MESSAGE, 1, bytes(32), "text/plain")
    error = await refusal(pool.inspect(tmp_path / "file", claim))
    assert (error.code, error.reason, error.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 2.0)
    assert error.reason not in upload_module.REJECTIONS
    assert Findings(MediaKind.FILE, "text/plain", 1, bytes(32)).content == "upload"
