"""Files by way of a real store of S3: the mesh gives addresses, and clients and store do the rest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from parley.media.v1 import media_pb2
from parley_sdk import Code, ParleyError, body_of
from parley_sdk.infrastructure import addresses
from tests import files, vaults
from tests.journeys.mesh import Mesh
from tests.journeys.people import People

MIB = 1024 * 1024
pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


class MeshWithStore(Mesh):
    """A mesh that keeps files in a bucket."""

    url = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """What it is started with."""
        own = {
            "PARLEY_MESSAGE_MEDIA_URL": self.url,
            "PARLEY_MESSAGE_MEDIA_ACCESS_KEY": vaults.ACCESS_KEY,
            "PARLEY_MESSAGE_MEDIA_SECRET_KEY": vaults.SECRET_KEY,
        }
        return {**super().environment, **own}


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[MeshWithStore]:
    """Return a mesh that is started by the test."""
    made = MeshWithStore(tmp_path / "data")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
async def people(mesh: MeshWithStore, tmp_path: Path) -> AsyncIterator[People]:
    """Return users of a mesh with a bucket."""
    async with vaults.url_of("s3", tmp_path) as url:
        mesh.url = url
        await asyncio.to_thread(mesh.start)
        async with People(mesh.address, tmp_path) as made:
            yield made


async def test_files_go_past_the_mesh(
    mesh: MeshWithStore, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file and a picture are put and fetched at addresses; an upload goes on with the parts that it lacks.

    What was deleted is gone from the store, and so is the photo as it was uploaded, with its place in it.
    """
    ann, bob = await people.users("ann", "bob")
    path, put = tmp_path / "large.bin", list[str]()
    path.write_bytes(hashlib.shake_256(b"large").digest(16 * MIB))
    real = addresses.put

    async def breaking(url: str, headers: Mapping[str, str], data: bytes) -> None:
        put.append(url)
        if len(put) == 2:
            raise ParleyError(Code.UNAVAILABLE, "", "the line broke")
        await real(url, headers, data)

    monkeypatch.setattr(addresses, "put", breaking)
    media = await ann.client.media.upload(path)
    assert len(put) == 5
    picture = await ann.client.media.upload(files.located_picture(), name="sea.jpg")
    chat = ann.chat_with(bob)
    for one in (media, picture):
        await ann.client.send(chat, body_of(one))
    await bob.until_seq(chat, 2)
    large, image = bob.shown[chat]
    await bob.client.media.download(media.media_id, tmp_path / "got", entry=large)
    assert (tmp_path / "got").read_bytes() == path.read_bytes()
    fetched = await bob.client.media.fetch(picture.media_id, entry=image)
    assert (hashlib.sha256(fetched).digest(), b"anary" in fetched) == (picture.sha256, False)
    small = await bob.client.media.fetch(picture.media_id, entry=image, size=media_pb2.THUMBNAIL_SIZE_SMALL)
    assert len(small) == picture.thumbnails[0].size_bytes
    await ann.client.media.delete(media.media_id)
    await eventually(mesh.url, {"content", "small"})


async def eventually(url: str, names: set[str]) -> None:
    """Wait until no other bytes are in a bucket: what is deleted goes with the next look, 30 s later at most."""
    async with asyncio.timeout(50):
        while True:
            if {key.rpartition("/")[2] for key in await vaults.keys(url)} == names:
                return
            await asyncio.sleep(0.2)
