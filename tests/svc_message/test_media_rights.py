"""Who may fetch and who may show a media: by the log and the members as they are at that moment."""

from collections.abc import Awaitable

import pytest

from mesh.errors import Code, MeshError
from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import CheckAvatarRequest, DeleteMediaRequest, GetDownloadRequest
from parley.message.v1.body_pb2 import MessageRef
from tests import files
from tests.svc_message import device
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.groups import add, kick, make
from tests.svc_message.uploader import Uploader, change, reference, show
from tests.svc_message.world import World, refusal

NOT_FOUND = (Code.NOT_FOUND, "MEDIA_NOT_FOUND")


async def sends(one: Device, what: object) -> int:
    """Send over the device stream and return the seq."""
    return (await one.seqs(what))[0]  # type: ignore[arg-type]


async def refused(awaitable: Awaitable[object]) -> tuple[Code, str]:
    """Code and reason of a refusal."""
    error = await refusal(awaitable)
    return error.code, error.reason


@pytest.fixture
async def ann(mesh: World) -> Uploader:
    """Somebody who has files, online."""
    return Uploader(await new_device(mesh).connect())


@pytest.fixture
async def bob(mesh: World) -> Uploader:
    """Somebody who gets them."""
    return Uploader(await new_device(mesh).connect())


async def test_who_may_read_the_entry_may_fetch(ann: Uploader, bob: Uploader, mesh: World) -> None:
    """The receiver fetches by the entry; without it, by another entry, or as a stranger nobody does."""
    media, chat = await ann.upload(files.picture()), direct(ann.device, bob.device)
    text, seq = await sends(ann.device, device.post(chat)), await sends(ann.device, show(chat, media.media_id))
    assert len(await bob.read(media.media_id, chat, seq)) == media.size_bytes
    assert (await bob.known(media.media_id, chat, seq)).media_id == media.media_id
    request = GetDownloadRequest(media_id=media.media_id, reference=reference(chat, seq))
    found = await bob.device.do(bob.stub.GetDownload, request)
    assert (found.url, found.expires_at_ms, found.media.media_id) == ("", 0, media.media_id)
    eve = Uploader(new_device(mesh))
    for attempt in (
        bob.read(media.media_id),
        bob.read(media.media_id, chat, text),
        bob.read(media.media_id, chat, seq + 1),
        bob.read(media.media_id, chat, 2**64 - 1),
        bob.known(media.media_id, chat, 2**63),
        eve.read(media.media_id, chat, seq),
        eve.known(media.media_id, chat, seq),
        eve.known(media.media_id, direct(eve.device, bob.device), seq),
        eve.known("m" + "0" * 15),
    ):
        assert await refused(attempt) == NOT_FOUND


async def test_who_has_left_fetches_nothing_more(ann: Uploader, bob: Uploader, mesh: World) -> None:
    """A former member keeps the entry and does not get its picture any more; who comes later gets what they may see."""
    group = await make(mesh, ann.device, bob.device)
    media = await ann.upload(files.picture())
    seq = await sends(ann.device, show(group, media.media_id))
    assert await bob.read(media.media_id, group, seq)
    await kick(mesh, group, bob.device)
    assert await refused(bob.read(media.media_id, group, seq)) == NOT_FOUND
    assert await refused(bob.known(media.media_id, group, seq)) == NOT_FOUND
    late, heir = Uploader(new_device(mesh)), Uploader(new_device(mesh))
    await add(mesh, group, late.device)
    await add(mesh, group, heir.device, history_visible=True)
    assert await refused(late.read(media.media_id, group, seq)) == NOT_FOUND
    assert await heir.read(media.media_id, group, seq)


async def test_a_recalled_picture_is_gone(ann: Uploader, bob: Uploader) -> None:
    """After a recall nobody fetches by that entry; neither what was posted nor what an edit had put in its place."""
    one, two = await ann.upload(files.picture(seed=1)), await ann.upload(files.picture(seed=2))
    chat = direct(ann.device, bob.device)
    seq = await sends(ann.device, show(chat, one.media_id))
    edited = await sends(ann.device, change(chat, seq, two.media_id))
    assert await bob.read(two.media_id, chat, edited)
    await sends(ann.device, device.recall(chat, seq))
    for media, place in ((one, seq), (two, edited), (one, edited)):
        assert await refused(bob.read(media.media_id, chat, place)) == NOT_FOUND
    assert await ann.read(one.media_id)


async def test_nobody_opens_a_media_by_posting_its_id(ann: Uploader, bob: Uploader, mesh: World) -> None:
    """A post or edit with the media of somebody else is refused, however the id was learnt, and opens nothing."""
    media, chat = await ann.upload(files.picture()), direct(ann.device, bob.device)
    seq = await sends(ann.device, show(chat, media.media_id))
    eve = Uploader(await new_device(mesh).connect())
    notes = direct(eve.device, eve.device)
    text = await sends(eve.device, device.post(notes))
    elsewhere = MessageRef(conversation_id=chat, seq=seq)
    for attempt in (
        show(notes, media.media_id),
        show(notes, media.media_id, forwarded_from=elsewhere),
        change(notes, text, media.media_id),
        show(notes, "m" + "0" * 15),
    ):
        assert await eve.device.refused(attempt) == "MEDIA_NOT_FOUND"
    assert await refused(eve.read(media.media_id, notes, text)) == NOT_FOUND
    assert await bob.device.refused(show(chat, media.media_id)) == "MEDIA_NOT_FOUND"


async def test_a_forward_takes_the_right_along(ann: Uploader, bob: Uploader, mesh: World) -> None:
    """Who may read the original forwards it; its readers fetch by the forward, and forward it further."""
    media, chat = await ann.upload(files.picture()), direct(ann.device, bob.device)
    seq = await sends(ann.device, show(chat, media.media_id))
    eve = Uploader(await new_device(mesh).connect())
    onward, notes = direct(bob.device, eve.device), direct(eve.device, eve.device)
    place = MessageRef(conversation_id=chat, seq=seq)
    forwarded = await sends(bob.device, show(onward, media.media_id, forwarded_from=place))
    assert await eve.read(media.media_id, onward, forwarded)
    assert await refused(eve.read(media.media_id, chat, seq)) == NOT_FOUND
    place = MessageRef(conversation_id=onward, seq=forwarded)
    kept = await sends(eve.device, show(notes, media.media_id, forwarded_from=place))
    assert await eve.read(media.media_id, notes, kept)
    caption = await sends(eve.device, change(notes, kept, media.media_id))
    assert await eve.read(media.media_id, notes, caption)


async def test_a_forward_from_a_place_that_no_log_has_is_refused(ann: Uploader, bob: Uploader) -> None:
    """It is answered, and so is what waits behind it."""
    media, chat = await ann.upload(files.picture()), direct(ann.device, bob.device)
    await sends(ann.device, show(chat, media.media_id))
    nowhere = MessageRef(conversation_id=chat, seq=2**64 - 1)
    forward = show(chat, media.media_id, forwarded_from=nowhere)
    results = await bob.device.results(forward, device.post(chat))
    assert [(one.seq, one.error.reason) for one in results] == [(0, "MEDIA_NOT_FOUND"), (2, "")]


async def test_an_edited_picture_goes_on_like_any_other(ann: Uploader, bob: Uploader, mesh: World) -> None:
    """What an edit put into a post is fetched and forwarded by the post, and gone with it when it is recalled."""
    one, two = await ann.upload(files.picture(seed=1)), await ann.upload(files.picture(seed=2))
    chat, notes = direct(ann.device, bob.device), direct(bob.device, bob.device)
    seq = await sends(ann.device, show(chat, one.media_id))
    await sends(ann.device, change(chat, seq, two.media_id))
    place = MessageRef(conversation_id=chat, seq=seq)
    assert await bob.read(two.media_id, chat, seq)
    kept = await sends(bob.device, show(notes, two.media_id, forwarded_from=place))
    await sends(ann.device, device.recall(chat, seq))
    assert await refused(bob.read(two.media_id, chat, seq)) == NOT_FOUND
    assert await bob.device.refused(show(notes, two.media_id, forwarded_from=place)) == "MEDIA_NOT_FOUND"
    assert await bob.read(two.media_id, notes, kept)


async def test_what_is_not_ready_is_not_sent(ann: Uploader, bob: Uploader) -> None:
    """An upload that is not complete, an avatar, and what was deleted are refused, each with its reason."""
    chat = direct(ann.device, bob.device)
    upload = (await ann.create(b"text", "text/plain")).upload
    assert await ann.device.refused(show(chat, upload.media_id)) == "MEDIA_NOT_FOUND"
    avatar = await ann.upload(files.picture(), purpose=media_pb2.PURPOSE_AVATAR)
    assert await ann.device.refused(show(chat, avatar.media_id)) == "MEDIA_WRONG_PURPOSE"
    media = await ann.upload(files.picture())
    await ann.device.do(ann.stub.DeleteMedia, DeleteMediaRequest(media_id=media.media_id))
    assert await ann.device.refused(show(chat, media.media_id)) == "MEDIA_NOT_READY"


async def test_a_picture_of_oneself_is_an_avatar_that_is_ready(ann: Uploader, bob: Uploader) -> None:
    """Services hear of each other media why it cannot be one; users do not ask this."""
    avatar = await ann.upload(files.picture(), purpose=media_pb2.PURPOSE_AVATAR)
    world = ann.device.world

    async def asked(who: Uploader, media_id: str) -> str:
        request = CheckAvatarRequest(user_id=who.device.user_id, media_id=media_id)
        try:
            await world.as_service(ann.stub.CheckAvatar, request, "user")
        except MeshError as error:
            return error.reason
        return ""

    assert await asked(ann, avatar.media_id) == ""
    assert await asked(bob, avatar.media_id) == "MEDIA_NOT_FOUND"
    assert await asked(ann, "m" + "1" * 15) == "MEDIA_NOT_FOUND"
    begun = (await ann.create(files.picture(9, 9), purpose=media_pb2.PURPOSE_AVATAR)).upload
    assert await asked(ann, begun.media_id) == "MEDIA_NOT_FOUND"
    sent = await ann.upload(files.picture())
    assert await asked(ann, sent.media_id) == "MEDIA_WRONG_PURPOSE"
    await ann.device.do(ann.stub.DeleteMedia, DeleteMediaRequest(media_id=avatar.media_id))
    assert await asked(ann, avatar.media_id) == "MEDIA_NOT_READY"
    request = CheckAvatarRequest(user_id=ann.device.user_id, media_id=avatar.media_id)
    assert (await refusal(ann.device.do(ann.stub.CheckAvatar, request))).code is Code.PERMISSION_DENIED


async def test_a_repeated_send_is_accepted_as_before(ann: Uploader, bob: Uploader) -> None:
    """A send that was accepted keeps its place when it is repeated after its media was deleted."""
    media, chat = await ann.upload(files.picture()), direct(ann.device, bob.device)
    post = show(chat, media.media_id)
    seq = await sends(ann.device, post)
    await ann.device.do(ann.stub.DeleteMedia, DeleteMediaRequest(media_id=media.media_id))
    [again] = await ann.device.results(post)
    assert (again.seq, again.duplicate) == (seq, True)


async def test_texts_keep_their_place_behind_a_picture(ann: Uploader, bob: Uploader) -> None:
    """A picture has to be looked up before it is appended; what its sender writes after it stays after it."""
    media, chat = await ann.upload(files.picture()), direct(ann.device, bob.device)
    await ann.device.post(chat)
    seqs = await ann.device.seqs(show(chat, media.media_id), *(device.post(chat, f"{n}") for n in range(5)))
    assert seqs == list(range(2, 8))
