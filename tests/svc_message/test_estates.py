"""The media of a deleted user: what others may still see stays, and nothing is left of the rest."""

import pytest

from parley.log.v1.log_service_pb2 import ForgetUserRequest
from parley.media.v1 import media_pb2
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import GroupChange
from svc_message.application.own import clear_estates
from svc_message.domain.media.estate import AGAIN_MS
from tests import files
from tests.svc_message import device
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.groups import add, append, make
from tests.svc_message.uploader import Uploader, change, show
from tests.svc_message.world import World, eventually, refusal


class Estate:
    """Ann, who goes, and Bob, who stays."""

    def __init__(self, ann: Device, bob: Device) -> None:
        self.ann, self.bob = Uploader(ann), Uploader(bob)
        self.mesh = ann.world
        self.chat, self.notes = direct(ann, bob), direct(ann, ann)

    async def file(self, name: str) -> str:
        """Something that Ann has uploaded."""
        return (await self.ann.upload(f"canary {name}".encode(), "text/plain", file_name=f"canary-{name}.txt")).media_id

    async def sent(self, chat: str, media_id: str) -> int:
        """Where it stands."""
        return (await self.ann.device.seqs(show(chat, media_id)))[0]

    async def forget(self) -> None:
        """What the user service asks for when an account was deleted."""
        await forget(self.mesh, self.ann.device.user_id)

    async def gone(self, media_id: str) -> None:
        """Wait until not even who has it sees it: none of its bytes is there."""
        await eventually(lambda: self._gone(media_id))

    async def _gone(self, media_id: str) -> bool:
        self.mesh.clock.advance(6.0)
        try:
            await self.ann.known(media_id)
        except Exception as error:  # noqa: BLE001 - looked at below
            home = self.mesh.folder / "media" / media_id[-2:] / media_id
            return getattr(error, "reason", "") == "MEDIA_NOT_FOUND" and not home.exists()
        return False

    async def stays(self, media_id: str, chat: str, seq: int) -> bool:
        """Whether Bob still gets it."""
        return (await self.bob.read(media_id, chat, seq)).startswith(b"canary")


async def forget(mesh: World, user_id: str) -> None:
    """Ask as the user service does."""
    await mesh.as_service(mesh.logs.ForgetUser, ForgetUserRequest(user_id=user_id), "user")


@pytest.fixture
async def estate(mesh: World) -> Estate:
    """Both online."""
    return Estate(await new_device(mesh).connect(), await new_device(mesh).connect())


async def test_what_nobody_else_saw_goes(estate: Estate) -> None:
    """Unsent, sent to oneself, in a group of one, on its way, a picture of oneself, and what was recalled: no bytes,
    no name and no hash are left; what the other one was sent, by a post or an edit, stays.
    """
    mesh, ann = estate.mesh, estate.ann
    den = await make(mesh, ann.device)
    unsent, noted, alone, recalled, kept, edited = [
        await estate.file(name) for name in ("unsent", "noted", "alone", "recalled", "kept", "edited")
    ]
    portrait = (await ann.upload(files.picture(), purpose=media_pb2.PURPOSE_AVATAR)).media_id
    coming = (await ann.create(b"canary coming", "text/plain", file_name="canary-coming.txt")).upload.media_id
    await ann.piece(coming, 1, 0, b"canary")
    await estate.sent(estate.notes, noted)
    await estate.sent(den, alone)
    place = await estate.sent(estate.chat, recalled)
    await ann.device.seqs(device.recall(estate.chat, place))
    seqs = [await estate.sent(estate.chat, kept)]
    [text] = await ann.device.seqs(post(estate.chat))
    seqs += await ann.device.seqs(change(estate.chat, text, edited))
    await estate.forget()
    for media_id in (unsent, noted, alone, recalled, portrait, coming):
        await estate.gone(media_id)
    assert [await estate.stays(*one) for one in zip((kept, edited), (estate.chat,) * 2, seqs, strict=True)] == [
        True
    ] * 2
    await eventually(lambda: _told_no_more(mesh, "unsent", "noted", "alone", "coming"))


async def _told_no_more(mesh: World, *names: str) -> bool:
    """Whether the store's file has none of these names; that of what stays shows that it was looked for rightly."""
    there = mesh.database.read_bytes()
    return b"canary-kept" in there and not any(f"canary-{name}".encode() in there for name in names)


async def test_what_a_group_shows_stays(estate: Estate) -> None:
    """Its picture, and what was written when others were in it, also when all have left and some come anew."""
    mesh, ann, bob = estate.mesh, estate.ann, estate.bob
    team = await make(mesh, ann.device)
    early = await estate.file("early")
    place = await estate.sent(team, early)
    picture = (await ann.upload(files.picture(), purpose=media_pb2.PURPOSE_AVATAR)).media_id
    content = Content(group=GroupChange(avatar_media_id=picture))
    await append(mesh, team, content, sender=ann.device.user_id)
    await add(mesh, team, bob.device, history_visible=True)
    unsent = await estate.file("unsent")
    await estate.forget()
    await estate.gone(unsent)
    assert await estate.stays(early, team, place)
    assert await bob.read(picture)


async def test_what_a_forward_shows_stays_with_its_original(estate: Estate) -> None:
    """A forward of what stands in a shared chat goes on working; so does what was sent long ago, behind much else."""
    file = await estate.file("shown")
    place = await estate.sent(estate.chat, file)
    await estate.bob.device.seqs(*(post(estate.chat) for _ in range(30)))
    later = await estate.file("later")
    last = await estate.sent(estate.chat, later)
    onward = direct(estate.bob.device, estate.bob.device)
    origin = MessageRef(conversation_id=estate.chat, seq=place)
    [forwarded] = await estate.bob.device.seqs(show(onward, file, forwarded_from=origin))
    unsent = await estate.file("unsent")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clear_estates, "STRETCH", 7)
        await estate.forget()
        await estate.gone(unsent)
    assert await estate.stays(file, onward, forwarded)
    assert await estate.stays(later, estate.chat, last)


async def test_what_comes_late_goes_with_the_second_look(estate: Estate) -> None:
    """A call that was under way when the account ended leaves nothing either: there is one more look, an hour later."""
    first = await estate.file("first")
    await estate.forget()
    await estate.gone(first)
    late = await estate.file("late")
    estate.mesh.clock.advance(AGAIN_MS / 1_000)
    await estate.gone(late)
    after = await estate.file("after")
    estate.mesh.clock.advance(2 * AGAIN_MS / 1_000)
    await forget(estate.mesh, estate.bob.device.user_id)
    bobs = await estate.bob.upload(b"canary bob", "text/plain")
    estate.mesh.clock.advance(2 * AGAIN_MS / 1_000)
    await eventually(lambda: estate.bob.lost(bobs.media_id))
    assert (await estate.ann.known(after)).state == media_pb2.MEDIA_STATE_READY


async def test_users_may_not_have_others_forgotten(estate: Estate) -> None:
    """Only services ask for it."""
    request = ForgetUserRequest(user_id=estate.ann.device.user_id)
    rpc = estate.mesh.logs.ForgetUser
    assert (await refusal(estate.bob.device.do(rpc, request))).code.name == "PERMISSION_DENIED"
