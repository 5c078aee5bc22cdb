"""Files between people: sent, fetched by who was away, resumed, and kept from everybody else."""

import asyncio
import hashlib
import io
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from parley.group.v1 import group_pb2
from parley.media.v1 import media_pb2
from parley.message.v1 import entry_pb2
from parley_sdk import ParleyError, body_of, media_of
from parley_terminal.chat.app import COMMANDS
from parley_terminal.chat.command import UsageError, run
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.screen import Screen
from tests import files
from tests.journeys.mesh import Mesh
from tests.journeys.people import Device, People, patiently

MIB = 1024 * 1024


async def shown(device: Device, conversation: str, seq: int) -> tuple[entry_pb2.Entry, str]:
    """Wait for an entry with a file; return it and the media."""
    await device.until_seq(conversation, seq)
    entry = device.shown[conversation][-1]
    media = media_of(entry)
    assert media is not None
    return entry, media.media_id


async def send(device: Device, conversation: str, source: Path | bytes, name: str) -> tuple[media_pb2.Media, int]:
    """Upload and send; return the media and the place of the message."""
    media = await device.client.media.upload(source, name=name)
    sent = await device.client.send(conversation, body_of(media, "look"))
    return media, sent.seq


async def reason(awaitable: object) -> str:
    """Why something is refused."""
    with pytest.raises(ParleyError) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.reason


async def test_pictures_of_people_and_groups_are_their_own(people: People) -> None:
    """An avatar of one's own becomes the picture, also on a device that was away; other media are refused with why."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    picture = files.picture(64, 64, seed=len(ann.user_id))
    avatar = await ann.client.media.upload(picture, name="me.jpg", purpose=media_pb2.PURPOSE_AVATAR)
    photo = await ann.client.media.upload(picture, name="sea.jpg")
    await ann.client.users.update_profile(avatar_media_id=avatar.media_id)
    group = await people.open_group(ann, bob)
    users, groups = bob.client.users, ann.client.groups
    mine, sent = (group_pb2.GroupSettings(avatar_media_id=one.media_id) for one in (avatar, photo))
    await groups.update(group, mine, ["avatar_media_id"])
    assert await reason(users.update_profile(avatar_media_id=avatar.media_id)) == "MEDIA_NOT_FOUND"
    assert await reason(groups.update(group, sent, ["avatar_media_id"])) == "MEDIA_WRONG_PURPOSE"
    await tablet.client.connect()
    change = (await tablet.until_kind(group, "group")).content.group
    seen = await tablet.client.users.get(ann.user_id)
    assert change.avatar_media_id == seen.profile.avatar_media_id == avatar.media_id


async def test_files_reach_a_device_that_was_away(people: People, tmp_path: Path) -> None:
    """A picture, a file, a recording and a video come to the receiver's second device when it is back, byte by byte."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    chat = ann.chat_with(bob)
    sources = {
        "sea.jpg": files.picture(800, 600, seed=len(ann.user_id)),
        "notes.txt": f"for {bob.username}".encode(),
        "hello.ogg": files.voice(tmp_path, 0.5),
        "walk.mp4": files.video(tmp_path, 1.0),
    }
    sent = [await send(ann, chat, data, name) for name, data in sources.items()]
    await tablet.client.connect()
    await tablet.until_seq(chat, sent[-1][1])
    for (media, seq), (name, kind) in zip(
        sent, zip(sources, ("image", "file", "voice", "video"), strict=True), strict=True
    ):
        [entry] = [one for one in tablet.shown[chat] if one.seq == seq]
        assert entry.content.post.body.WhichOneof("kind") == kind
        await tablet.client.media.download(media.media_id, tmp_path / f"got-{name}", entry=entry)
        assert hashlib.sha256((tmp_path / f"got-{name}").read_bytes()).digest() == media.sha256
    entry = next(one for one in tablet.shown[chat] if one.content.post.body.HasField("image"))
    small = await tablet.client.media.fetch(sent[0][0].media_id, entry=entry, size=media_pb2.THUMBNAIL_SIZE_SMALL)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (160, 120)


async def test_an_upload_survives_its_client(people: People, tmp_path: Path) -> None:
    """A client dies in the middle of an upload; the next one, on another device, sends what is missing and no more."""
    [ann] = await people.users("ann")
    path = tmp_path / "large.bin"
    path.write_bytes(hashlib.shake_256(ann.user_id.encode()).digest(11 * MIB))
    begun, seen = asyncio.Event(), list[int]()

    def told(there: int, _: int) -> None:
        if there:
            begun.set()

    dying = asyncio.create_task(ann.client.media.upload(path, on_progress=told))
    await begun.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    other = await people.another(ann)
    media = await other.client.media.upload(path, on_progress=lambda there, _: seen.append(there))
    assert seen[0] >= 5 * MIB
    assert (media.size_bytes, media.sha256) == (11 * MIB, hashlib.sha256(path.read_bytes()).digest())
    assert (await ann.client.media.upload(path)).media_id == media.media_id


async def test_files_survive_the_mesh(own_mesh: Mesh, own_people: People, tmp_path: Path) -> None:
    """The mesh is killed in the middle of an upload: what was there is there, and the upload goes on where it was."""
    ann, bob = await own_people.users("ann", "bob")
    media, seq = await send(ann, ann.chat_with(bob), files.picture(), "before.jpg")
    entry, _ = await shown(bob, ann.chat_with(bob), seq)
    path, begun, seen = tmp_path / "large.bin", asyncio.Event(), list[int]()
    path.write_bytes(hashlib.shake_256(b"survives").digest(11 * MIB))

    def told(there: int, _: int) -> None:
        if there:
            begun.set()

    uploading = asyncio.create_task(ann.client.media.upload(path, on_progress=told))
    await begun.wait()
    await asyncio.to_thread(own_mesh.kill)
    uploading.cancel()
    await asyncio.gather(uploading, return_exceptions=True)
    await asyncio.to_thread(own_mesh.start)
    again = partial(ann.client.media.upload, path, on_progress=lambda there, _: seen.append(there))
    large = await patiently(again)
    assert (seen[0] >= 5 * MIB, large.size_bytes) == (True, 11 * MIB)
    fetched = await patiently(partial(bob.client.media.fetch, media.media_id, entry=entry))
    assert hashlib.sha256(fetched).digest() == media.sha256


async def test_a_download_goes_on_where_it_broke_off(people: People, tmp_path: Path) -> None:
    """What came of a file before a break is not fetched again, and what is wrong in it is not taken for the file."""
    [ann] = await people.users("ann")
    data = hashlib.shake_256(ann.user_id.encode()).digest(2 * MIB)
    media, to, seen = await ann.client.media.upload(data), tmp_path / "file", list[int]()
    (tmp_path / "file.part").write_bytes(data[:MIB])
    await ann.client.media.download(media.media_id, to, on_progress=lambda there, _: seen.append(there))
    assert seen[0] > MIB
    assert to.read_bytes() == data
    (tmp_path / "file.part").write_bytes(b"x" * MIB)
    with pytest.raises(ParleyError, match="not the file"):
        await ann.client.media.download(media.media_id, to)
    await ann.client.media.download(media.media_id, to)


async def test_nobody_else_gets_a_file(people: People) -> None:
    """A stranger, a member who was removed, and readers of a recalled picture are told that there is no such media."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob)
    media, seq = await send(ann, group, files.picture(seed=hash(group)), "party.jpg")
    entry, media_id = await shown(bob, group, seq)
    assert media_id == media.media_id
    assert await bob.client.media.fetch(media_id, entry=entry)
    assert await reason(eve.client.media.fetch(media_id, entry=entry)) == "MEDIA_NOT_FOUND"
    assert await reason(eve.client.media.fetch(media_id)) == "MEDIA_NOT_FOUND"
    assert await reason(eve.client.send(ann.chat_with(eve), body_of(media))) == "MEDIA_NOT_FOUND"
    await ann.client.groups.kick(group, [bob.user_id])
    assert await reason(bob.client.media.fetch(media_id, entry=entry)) == "MEDIA_NOT_FOUND"
    again, seq = await send(ann, ann.chat_with(eve), files.picture(seed=hash(eve.user_id)), "secret.jpg")
    entry, media_id = await shown(eve, ann.chat_with(eve), seq)
    assert await eve.client.media.fetch(media_id, entry=entry)
    await ann.client.recall(ann.chat_with(eve), seq)
    assert await reason(eve.client.media.fetch(again.media_id, entry=entry)) == "MEDIA_NOT_FOUND"
    assert await ann.client.media.fetch(again.media_id)


async def test_files_of_a_group_that_has_ended_stay_with_its_history(people: People) -> None:
    """Who was a member to the end reads the history of a dissolved group with its pictures; who was removed before
    gets neither, nor does anybody what was recalled.
    """
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob, eve)
    media, seq = await send(ann, group, files.picture(seed=hash(group)), "party.jpg")
    entry, _ = await shown(bob, group, seq)
    other, gone = await send(ann, group, files.picture(seed=hash(bob.user_id)), "late.jpg")
    recalled, _ = await shown(bob, group, gone)
    await ann.client.recall(group, gone)
    await ann.client.groups.kick(group, [eve.user_id])
    await ann.client.groups.dissolve(group)
    await bob.until(lambda: bob.shown[group][-1].content.membership.removed_user_ids, "the end")
    assert await bob.client.media.fetch(media.media_id, entry=entry)
    assert await reason(eve.client.media.fetch(media.media_id, entry=entry)) == "MEDIA_NOT_FOUND"
    assert await reason(bob.client.media.fetch(other.media_id, entry=recalled)) == "MEDIA_NOT_FOUND"


async def test_what_is_refused_says_so(people: People) -> None:
    """A file that is not taken ends in its reason for the app, at once and each time, and the next one goes through."""
    [ann] = await people.users("ann")
    for _ in range(2):
        refused = await reason(ann.client.media.upload(b"<html>no page</html>", name="photo.jpg"))
        assert refused == "MEDIA_TYPE_REFUSED"
    assert await reason(ann.client.media.upload(b"")) == "INVALID_REQUEST"


async def test_files_in_the_terminal(people: People, tmp_path: Path) -> None:
    """What one person sends with /image and /file the other one saves with /save, under its name, over nothing."""
    ann, bob = await people.users("ann", "bob")
    chat, saved = ann.chat_with(bob), tmp_path / "saved"
    saved.mkdir()
    picture, text = tmp_path / "sea.jpg", tmp_path / "notes.txt"
    picture.write_bytes(files.picture(seed=3))
    text.write_text(f"for {bob.username}")
    desk, other = Desk(ann.client, Screen()), Desk(bob.client, Screen())
    desk.open_id = other.open_id = chat
    await run(COMMANDS, desk, f"/image {picture} by the sea")
    await run(COMMANDS, desk, f"/file {text}")
    await bob.until_seq(chat, 2)
    assert bob.shown[chat][0].content.post.body.image.caption == "by the sea"
    for line in ("/save {}", "/save {}", "/save #1 {}"):
        await run(COMMANDS, other, line.format(saved))
    assert sorted(path.name for path in saved.iterdir()) == ["notes (1).txt", "notes.txt", "sea.jpg"]
    assert (saved / "notes (1).txt").read_text() == f"for {bob.username}"
    for line in (f"/voice {picture}", f"/image {tmp_path / 'none.jpg'}", f"/save #1 {picture}"):
        with pytest.raises(UsageError):
            await run(COMMANDS, desk, line)
