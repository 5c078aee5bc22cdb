"""What one has uploaded, and what was shared in a chat: seen again, counted, and deleted for everyone."""

import asyncio
from pathlib import Path

import pytest

from parley.group.v1 import group_pb2
from parley.media.v1 import media_pb2
from parley.message.v1 import message_service_pb2
from parley_sdk import ParleyError, body_of, media_of
from parley_terminal.chat.command import UsageError
from tests import files, heif
from tests.journeys.people import PASSWORD, PATIENCE, Device, People
from tests.journeys.test_terminal_own import Typist

Kind = message_service_pb2.PostKind

LOOK_S = 30.0
"""How often a message node looks for deletions that another one was told of."""


async def test_own_media_on_every_device_and_gone_for_all(people: People) -> None:
    """A device that was away lists what the other one uploaded; what one of them deletes frees its room at once, and is
    gone for a receiver who was away too, whose message stays.
    """
    ann, bob = await people.users("ann", "bob")
    phone, tablet = await people.another(ann), await people.another(bob)
    await phone.client.disconnect()
    await tablet.client.disconnect()
    chat, seed = ann.chat_with(bob), hash(ann.user_id) % 65_536
    picture = await ann.client.media.upload(files.picture(seed=seed), name="sea.jpg")
    notes = await ann.client.media.upload(f"for {bob.username}".encode(), name="notes.txt")
    sent = [await ann.client.send(chat, body_of(one)) for one in (picture, notes)]
    await phone.client.connect()
    await phone.client.wait_online()
    assert [one.file_name for one in await phone.client.media.list()] == ["notes.txt", "sea.jpg"]
    assert await phone.client.media.list(kinds=[media_pb2.MEDIA_KIND_IMAGE]) == [picture]
    before = await phone.client.media.quota()
    assert (before.used_bytes, before.used_files) == (picture.size_bytes + notes.size_bytes, 2)
    await phone.client.media.delete(picture.media_id)
    after = await ann.client.media.quota()
    assert (after.used_bytes, [one.kind for one in after.usage]) == (notes.size_bytes, [media_pb2.MEDIA_KIND_FILE])
    assert await ann.client.media.list() == [notes]
    await tablet.client.connect()
    await tablet.until_seq(chat, sent[-1].seq)
    entry = next(one for one in tablet.shown[chat] if one.seq == sent[0].seq)
    assert (await tablet.client.media.get(picture.media_id, entry=entry)).state == media_pb2.MEDIA_STATE_EXPIRED
    with pytest.raises(ParleyError) as gone:
        await tablet.client.media.fetch(picture.media_id, entry=entry)
    assert (gone.value.reason, gone.value.metadata["state"]) == ("MEDIA_NOT_READY", "expired")
    entry = next(one for one in tablet.shown[chat] if one.seq == sent[1].seq)
    assert await tablet.client.media.fetch(notes.media_id, entry=entry) == f"for {bob.username}".encode()


async def test_a_file_is_sent_again_after_it_was_deleted_and_under_another_name(people: People) -> None:
    """What was deleted is uploaded anew by whoever sends it again, and the same bytes bear this time's name."""
    ann, bob = await people.users("ann", "bob")
    tablet, chat = await people.another(bob), ann.chat_with(bob)
    await tablet.client.disconnect()
    data = f"to be sent by {ann.username}".encode()
    first = await ann.client.media.upload(data, name="draft.txt")
    await ann.client.media.delete(first.media_id)
    again = await ann.client.media.upload(data, name="draft.txt")
    named = await ann.client.media.upload(data, name="final.txt")
    assert (named.media_id, named.file_name) == (again.media_id, "final.txt")
    sent = await ann.client.send(chat, body_of(named))
    await tablet.client.connect()
    await tablet.until_seq(chat, sent.seq)
    [entry] = tablet.shown[chat]
    shown = media_of(entry)
    assert shown is not None
    assert shown.name == "final.txt"
    assert await tablet.client.media.fetch(shown.media_id, entry=entry) == data


async def test_a_picture_of_an_iphone_reaches_everyone(people: People, tmp_path: Path) -> None:
    """HEIC that one person sends is a JPEG, upright and without a place, for the other one's device that was away."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(heif.located_heic())
    media = await ann.client.media.upload(path)
    place = (await ann.client.send(ann.chat_with(bob), body_of(media))).seq
    await tablet.client.connect()
    await tablet.until_seq(ann.chat_with(bob), place)
    entry = tablet.shown[ann.chat_with(bob)][-1]
    assert (entry.content.post.body.image.media.name, entry.content.post.body.image.width) == ("IMG_0001.jpg", 300)
    fetched = await tablet.client.media.fetch(media.media_id, entry=entry)
    assert (fetched[:3], b"anary" in fetched) == (b"\xff\xd8\xff", False)


async def test_what_was_shared_in_a_chat(people: People) -> None:
    """Pictures, files and links of a chat are found by kind with name, size and preview, page by page, also by who was
    away; not what was recalled, nor what one hid from oneself.
    """
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    chat, seed = ann.chat_with(bob), hash(bob.user_id) % 65_000
    images = [
        await ann.client.media.upload(files.picture(200, 200, "PNG", seed=seed + n), name=f"{n}.png") for n in range(4)
    ]
    report = await ann.client.media.upload(f"by {ann.username}".encode(), name="report.txt")
    places = [(await ann.client.send(chat, body_of(one))).seq for one in (*images, report)]
    link = await ann.client.send_text(chat, "see https://example.org/sea")
    await ann.client.recall(chat, places[0])
    await bob.client.messages.hide(chat, [places[1]])
    await tablet.client.connect()
    await tablet.client.wait_online()
    posts = tablet.client.messages.posts
    first = await posts(chat, kinds=[Kind.POST_KIND_IMAGE, Kind.POST_KIND_VIDEO], limit=1)
    rest = await posts(chat, kinds=[Kind.POST_KIND_IMAGE, Kind.POST_KIND_VIDEO], before_seq=first[-1].seq)
    assert [one.seq for one in first + rest] == [places[3], places[2]]
    assert [one.body.image.preview.decode() for one in first] == [images[3].blur_hash]
    small = await tablet.client.media.fetch(
        images[3].media_id, entry=first[0].entry, size=media_pb2.THUMBNAIL_SIZE_SMALL
    )
    assert len(small) == images[3].thumbnails[0].size_bytes
    [found] = await posts(chat, kinds=[Kind.POST_KIND_FILE])
    shown = media_of(found.entry)
    assert shown is not None
    assert (shown.name, shown.size_bytes, shown.media_id) == ("report.txt", report.size_bytes, report.media_id)
    assert [one.seq for one in await posts(chat, kinds=[Kind.POST_KIND_LINK])] == [link.seq]
    assert await posts(chat, kinds=[Kind.POST_KIND_LINK], before_seq=1) == []


async def test_own_media_in_the_terminal(people: People, tmp_path: Path) -> None:
    """/uploads lists, /usage counts, /delete-upload deletes; the receiver's /save says that it is gone."""
    ann, bob = await people.users("ann", "bob")
    typist, other = Typist(ann, ann.chat_with(bob)), Typist(bob, ann.chat_with(bob))
    (tmp_path / "notes.txt").write_text(f"for {bob.username}")
    await typist.types(f"/file {tmp_path / 'notes.txt'}")
    await bob.until_seq(ann.chat_with(bob), 1)
    [notes] = await ann.client.media.list()
    assert f"{notes.size_bytes} bytes  notes.txt" in await typist.types("/uploads files")
    assert "nothing" in await typist.types("/uploads images")
    assert f"1 files, {notes.size_bytes} bytes" in await typist.types("/usage")
    await typist.types(f"/delete-upload {notes.media_id}")
    assert "nothing" in await typist.types("/uploads")
    with pytest.raises(ParleyError, match="gone"):
        await other.types(f"/save #1 {tmp_path}")
    with pytest.raises(UsageError):
        await typist.types("/uploads songs")


async def test_media_of_a_deleted_user(people: People) -> None:
    """After an account is deleted, a device that was away still fetches what its user was sent, and the picture of a
    group; the pictures of the one who went, and what nobody was sent, are gone.
    """
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    chat, seed = ann.chat_with(bob), hash(ann.user_id) % 65_000
    upload, avatar = ann.client.media.upload, media_pb2.PURPOSE_AVATAR
    face = await upload(files.picture(64, 64, "PNG", seed=seed), name="me.png", purpose=avatar)
    badge = await upload(files.picture(64, 64, "PNG", seed=seed + 1), name="us.png", purpose=avatar)
    await ann.client.users.update_profile(avatar_media_id=face.media_id)
    settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_OPEN, avatar_media_id=badge.media_id)
    group = (await ann.client.groups.create("Us", [bob.user_id], settings)).group.group_id
    await bob.client.groups.join(group)
    letter = f"from {ann.username}".encode()
    sent = await upload(letter, name="letter.txt")
    place = (await ann.client.send(chat, body_of(sent))).seq
    unsent = await upload(files.picture(64, 64, "PNG", seed=seed + 2), name="draft.png", purpose=avatar)
    assert await bob.client.media.fetch(face.media_id)
    await ann.client.delete_account(PASSWORD)
    for media in (face, unsent):
        await until_gone(bob, media.media_id)
    await tablet.client.connect()
    await tablet.until_seq(chat, place)
    entry = tablet.shown[chat][-1]
    assert await tablet.client.media.fetch(sent.media_id, entry=entry) == letter
    shown = (await tablet.client.groups.get(group)).settings.avatar_media_id
    assert shown == badge.media_id
    assert await tablet.client.media.fetch(shown)


async def until_gone(device: Device, media_id: str) -> None:
    """Ask until nobody gets it any more."""
    async with asyncio.timeout(PATIENCE + LOOK_S):
        while True:
            try:
                await device.client.media.get(media_id)
            except ParleyError as error:
                if error.reason == "MEDIA_NOT_FOUND":
                    return
                raise
            await asyncio.sleep(0.05)
