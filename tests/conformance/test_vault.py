"""What every store of bytes must do, whatever it is made of."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from mesh.clock import SystemClock
from mesh.errors import Code, MeshError
from mesh.settings import Secret, SettingError
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import CONTENT, UPLOAD, Claim, Media, MediaState, Purpose
from svc_message.domain.media.ports import Attachment, Vault
from svc_message.infrastructure.vault import open_vault
from tests import vaults

PART = 5 * 1024 * 1024
DATA = bytes(range(256)) * (PART // 256) + b"the last part"
ID = "m00000000000000a"

ROUNDS = 30
"""Enough for joins at once to meet in the wrong moment, where there is one."""


@pytest.fixture(params=vaults.KINDS)
async def vault(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Vault]:
    """Return an empty store of each kind."""
    async with (
        vaults.url_of(request.param, tmp_path / "media") as url,
        open_vault(url, *vaults.KEYS, SystemClock()) as opened,
    ):
        yield opened


async def begun(vault: Vault, data: bytes = DATA) -> Media:
    """An upload of these bytes that the store knows of."""
    claim = Claim(Purpose.MESSAGE, len(data), bytes(32), "text/plain")
    media = Media(ID, UserId("u1"), "r", claim, MediaState.UPLOADING, 1, 1)
    handle = await vault.begin(ID)
    assert handle
    return replace(media, handle=handle)


async def put(vault: Vault, media: Media, *numbers: int, data: bytes = DATA) -> None:
    """Bring these parts in, the way that this store takes them."""
    for number in numbers:
        part = data[(number - 1) * PART : number * PART]
        if vault.addressed:
            [target] = await vault.targets(media, [number], SystemClock().now_ms())
            assert (await send("PUT", target.url, part))[0] == 200
        else:
            assert await vault.put(media, number, 0, part) == len(part)


async def send(method: str, url: str, data: bytes | None = None) -> tuple[int, bytes]:
    """What an address answers."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=data and io.BytesIO(data), skip_auto_headers=("Content-Type",)) as answer,
    ):
        return answer.status, await answer.read()


async def until_over(url: str) -> None:
    """Wait until an address works no more."""
    async with asyncio.timeout(30):
        while True:
            if (await send("GET", url))[0] == 403:
                return
            await asyncio.sleep(0.1)


async def content(vault: Vault, name: str, offset: int = 0, length: int = len(DATA)) -> bytes:
    """The bytes under a name."""
    pieces = [piece async for piece in vault.read(ID, name, offset, length)]
    assert all(len(piece) <= 64 * 1024 for piece in pieces)
    return b"".join(pieces)


async def refused(awaitable: object) -> str:
    """Why something is refused."""
    with pytest.raises(MeshError) as error:
        await awaitable  # type: ignore[misc]
    return error.value.reason


async def test_parts_become_the_upload(vault: Vault) -> None:
    """Parts come in any order, are told of with size and time, and are joined in theirs; twice is as good as once."""
    media, now = await begun(vault), SystemClock().now_ms()
    assert await vault.parts(media) == []
    await put(vault, media, 2, 1)
    parts = await vault.parts(media)
    assert [(part.number, part.size_bytes) for part in parts] == [(1, PART), (2, 13)]
    assert all(abs(part.arrived_at_ms - now) < 60_000 for part in parts)
    await vault.join(media)
    await vault.join(media)
    assert await vault.parts(media) == []
    assert await content(vault, UPLOAD) == DATA
    async with vault.at_hand(ID, UPLOAD) as file:
        assert file.read_bytes() == DATA


async def test_who_joins_beside_others_is_not_told_that_parts_are_missing(vault: Vault) -> None:
    """Joins at once end well, or ask to be tried again: parts that another join took are not parts that never came."""
    for _ in range(ROUNDS):
        media = await begun(vault, DATA[:100])
        await put(vault, media, 1, data=DATA[:100])
        ends = await asyncio.gather(*(vault.join(media) for _ in range(4)), return_exceptions=True)
        assert {getattr(end, "code", None) for end in ends} <= {None, Code.UNAVAILABLE}
        assert await content(vault, UPLOAD) == DATA[:100]
        await vault.drop(ID)


async def test_what_is_missing_cannot_be_joined(vault: Vault) -> None:
    """Without all parts there is no upload, and those that came stay."""
    media = await begun(vault)
    await put(vault, media, 1)
    assert await refused(vault.join(media)) == "UPLOAD_INCOMPLETE"
    await put(vault, media, 2)
    await vault.join(media)
    assert len(await content(vault, UPLOAD)) == len(DATA)


async def test_any_stretch_can_be_read(vault: Vault, tmp_path: Path) -> None:
    """Bytes are read from anywhere, in pieces; nothing of them is nothing."""
    (tmp_path / "file").write_bytes(DATA)
    await vault.keep(ID, CONTENT, tmp_path / "file")
    assert await content(vault, CONTENT, PART - 3, 6) == DATA[PART - 3 : PART + 3]
    assert await content(vault, CONTENT, len(DATA) - 1, 1) == DATA[-1:]
    assert await content(vault, CONTENT, 0, 0) == b""


async def test_what_is_kept_again_replaces(vault: Vault, tmp_path: Path) -> None:
    """The same name has the bytes that were kept last, and another name its own."""
    for text in (b"first", b"second"):
        (tmp_path / "file").write_bytes(text)
        await vault.keep(ID, CONTENT, tmp_path / "file")
    await vault.keep(ID, "small", tmp_path / "file")
    await vault.drop(ID, CONTENT, "never there")
    assert await refused(content(vault, CONTENT)) == "MEDIA_NOT_FOUND"
    assert await content(vault, "small") == b"second"


async def test_all_of_a_media_goes(vault: Vault, tmp_path: Path) -> None:
    """Dropping a media takes its bytes and what was coming; twice is no error, and a join finds nothing."""
    media = await begun(vault)
    await put(vault, media, 1, 2)
    (tmp_path / "file").write_bytes(b"x")
    await vault.keep(ID, "small", tmp_path / "file")
    for _ in range(2):
        await vault.drop(ID)
    assert await vault.parts(media) == []
    assert await refused(content(vault, "small")) == "MEDIA_NOT_FOUND"
    assert await refused(vault.join(media)) == "UPLOAD_INCOMPLETE"


async def test_pieces_fit_or_are_refused(vault: Vault) -> None:
    """A piece goes to the end of its part, once; where parts have addresses every piece is refused."""
    media = await begun(vault, DATA[:100])
    if vault.addressed:
        assert await refused(vault.put(media, 1, 0, DATA[:10])) == "UPLOAD_PART_CONFLICT"
        return
    assert await vault.put(media, 1, 0, DATA[:10]) == 10
    assert await vault.put(media, 1, 10, DATA[10:20]) == 20
    assert await vault.put(media, 1, 0, DATA[:10]) == 20
    for offset, data in ((21, b"x"), (15, DATA[15:30]), (0, b"other"), (20, bytes(81))):
        assert await refused(vault.put(media, 1, offset, data)) == "UPLOAD_PART_CONFLICT"


async def test_addresses_are_good_for_one_thing(vault: Vault) -> None:
    """24, 25, 26: for one key, part, method and length; no address of it works for another, nor one that is changed."""
    media = await begun(vault)
    targets = await vault.targets(media, [1, 2], SystemClock().now_ms())
    assert bool(targets) == vault.addressed
    for first, second in pairwise(targets):
        for method, url, data in (
            ("PUT", second.url, DATA[:12]),
            ("PUT", second.url.replace(ID, ID[:-1] + "b"), DATA[:13]),
            ("PUT", second.url.replace("partNumber=2", "partNumber=1"), DATA[:13]),
            ("PUT", second.url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"), DATA[:13]),
            ("PUT", second.url.partition("?")[0], DATA[:13]),
            ("GET", second.url, None),
            ("DELETE", first.url, None),
        ):
            assert (await send(method, url, data))[0] == 403
    assert await vault.parts(media) == []


async def test_bytes_are_fetched_at_an_address(vault: Vault, tmp_path: Path) -> None:
    """An address gives the bytes to be saved, under their name and type, until its time is over; no other way does."""
    (tmp_path / "file").write_bytes(DATA)
    await vault.keep(ID, CONTENT, tmp_path / "file")
    url = await vault.address(ID, CONTENT, Attachment("text/plain", "für Ann.txt", 60))
    assert bool(url) == vault.addressed
    if url:
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Range": "bytes=3-5"}) as answer:
            assert (answer.status, await answer.read()) == (206, DATA[3:6])
            assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''f%C3%BCr%20Ann.txt"
            assert answer.headers["Content-Type"] == "text/plain"
        over = await vault.address(ID, CONTENT, Attachment("text/plain", "", 1))
        await until_over(over)
        for wrong in (url.replace("Ann", "Eve"), url.replace(CONTENT, UPLOAD), url.partition("?")[0]):
            assert (await send("GET", wrong))[0] == 403
        assert (await send("PUT", url, b"other"))[0] == 403


@pytest.mark.parametrize(
    "url",
    [
        "",
        "disk:",
        "ftp://bucket",
        "s3://bucket",
        "s3://?endpoint=http://host",
        "s3://bucket?endpoint=host:9000",
        "s3://bucket?endpoint=http://key:secret@host",
        "s3://bucket?endpoint=http://host&regoin=x",
    ],
)
async def test_urls_that_are_none(url: str) -> None:
    """A place that cannot be meant is refused when the process starts, in words that repeat none of it."""
    with pytest.raises(SettingError, match="MEDIA_URL: must be") as refused:
        async with open_vault(url, Secret("key"), Secret("secret"), SystemClock()):
            pass
    assert "host" not in str(refused.value)


async def test_a_bucket_needs_its_keys() -> None:
    """A bucket without keys is refused when the process starts, not when the first file comes."""
    with pytest.raises(SettingError, match="MEDIA_ACCESS_KEY"):
        async with open_vault("s3://b?endpoint=http://host", Secret(), Secret(), SystemClock()):
            pass
