"""A bot in a group is shown the same at every door, whatever was written: what is addressed to it."""

from pathlib import Path

import pytest

from parley.conversation.v1.conversation_service_pb2 import GetConversationRequest
from parley.gateway.v1.frame_pb2 import ClientFrame, Typing
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.message_service_pb2 import ExplainDeliveryRequest, ListReadersRequest
from svc_message.application.bots import unread
from tests import files
from tests.mongo.server import STORES, url_of
from tests.svc_message import groups
from tests.svc_message.bot_doors import every_door, persons_see_all
from tests.svc_message.bot_scene import begin
from tests.svc_message.device import Device, new_device, post, reaction, recall
from tests.svc_message.test_reactions_and_pins import pin
from tests.svc_message.uploader import Uploader, change, show
from tests.svc_message.world import World, process, refusal, world

STEPS = 70


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("store", STORES)
async def test_every_door_answers_as_the_rule(tmp_path: Path, store: str, seed: int) -> None:
    """After random writing each way to read gives a bot what a count by hand says, from memory and from the store."""
    async with url_of(store, "") as url, world(tmp_path) as made:
        made.store_url = url
        async with process(made, "message", "gateway") as address:
            made.connect(address)
            scene = await begin(made, seed)
            for _ in range(STEPS):
                await scene.step()
            await scene.end()
            assert {"whole", "bare", "hidden"} <= set(scene.live.values())
            await every_door(scene)
            await persons_see_all(scene)
            await scene.leave()
        async with process(made, "message", "gateway", number=2) as address:  # nothing is in memory
            made.connect(address)
            await scene.bot.connect()
            await every_door(scene)
            await scene.leave()


async def test_media_of_a_hidden_post_are_not_fetched(mesh: World) -> None:
    """What a hidden post or an edit of it shows is not there for a bot, nor may it be shown on; what was for it is."""
    ann, bot = Uploader(await new_device(mesh).connect()), Uploader(await new_device(mesh).connect())
    group = await groups.make(mesh, ann.device, bots=[bot.device])
    media, other = await ann.upload(files.picture()), await ann.upload(files.picture(7))
    [seq] = await ann.device.seqs(show(group, media.media_id))
    [edited] = await ann.device.seqs(post(group, "nothing yet"))
    await ann.device.seqs(change(group, edited, other.media_id))
    for one, at in ((media, seq), (other, edited)):
        for attempt in (bot.known(one.media_id, group, at), bot.read(one.media_id, group, at)):
            assert (await refusal(attempt)).reason == "MEDIA_NOT_FOUND"
    forwarded = show(group, media.media_id, forwarded_from=MessageRef(conversation_id=group, seq=seq))
    assert await bot.device.refused(forwarded) == "MEDIA_NOT_FOUND"
    for_it = show(group, media.media_id)
    for_it.content.post.mentioned_user_ids.append(bot.device.user_id)
    [seen] = await ann.device.seqs(for_it)
    assert (await bot.known(media.media_id, group, seen)).media_id == media.media_id


async def test_a_bot_changes_nothing_that_it_is_not_shown(mesh: World) -> None:
    """Reacting to, pinning and recalling a hidden post end as if it were not there, and tell nothing of its kind."""
    ann, bob, bot = [await new_device(mesh).connect() for _ in range(3)]
    group = await groups.make(mesh, ann, bob, bots=[bot])
    [hidden, seen] = await bob.seqs(post(group), post(group, "/mine"))
    await groups.update(mesh, group, bot, groups.ADMIN, bot=True)
    for attempt in (reaction(group, hidden), pin(group, hidden), recall(group, hidden)):
        assert await bot.refused(attempt) == "ENTRY_NOT_FOUND"
    await bot.seqs(reaction(group, seen), pin(group, seen), recall(group, seen))


async def explained(device: Device, group: str, seq: int) -> set[str]:
    """Whom the explanation of a delivery names."""
    request = ExplainDeliveryRequest(message=MessageRef(conversation_id=group, seq=seq))
    return {one.user_id for one in (await device.do(device.world.messages.ExplainDelivery, request)).devices}


async def test_who_was_not_shown_a_post_has_not_read_it(mesh: World) -> None:
    """A bot that has read on is no reader of what was hidden from it, nor is that said to have come to it."""
    ann, bob, bot = [await new_device(mesh).connect() for _ in range(3)]
    group = await groups.make(mesh, ann, bob, bots=[bot], member_receipts=True)
    [hidden, seen] = await ann.seqs(post(group), post(group, "/mine"))
    for reader in (bob, bot):
        await reader.mark_read(group, seen)
    users = {}
    for seq in (hidden, seen):
        request = ListReadersRequest(message=MessageRef(conversation_id=group, seq=seq))
        page = await ann.do(mesh.messages.ListReaders, request)
        users[seq] = (set(page.user_ids), page.read_count, await explained(ann, group, seq))
    everyone = {ann.user_id, bob.user_id, bot.user_id}
    assert users[hidden] == ({bob.user_id}, 1, everyone - {bot.user_id})
    assert users[seen] == ({bob.user_id, bot.user_id}, 2, everyone)


async def test_a_member_of_old_who_proves_to_be_a_bot(mesh: World) -> None:
    """Once an entry says that a member is a bot, it is shown what a bot is, of what was written before too."""
    ann, bot = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bot)
    [old] = await ann.seqs(post(group))
    assert (await bot.entry(group, old)).content.HasField("post")
    await groups.update(mesh, group, bot, groups.MEMBER, bot=True)
    [new] = await ann.seqs(post(group))
    assert (await bot.entry(group, new)).content.HasField("hidden")
    page = await bot.history(group, from_seq=old, to_seq=old)
    assert page.entries[0].content.HasField("hidden")


async def test_who_is_removed_gets_the_removal_and_nothing_more(mesh: World) -> None:
    """A bot that is kicked gets the entry that says so, live and later, and no post behind it."""
    ann, bot = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bots=[bot])
    await ann.post(group)
    gone = await groups.kick(mesh, group, bot)
    await ann.post(group, "/after")
    back = await groups.add(mesh, group, bot, bot=True)
    await bot.entry(group, back)
    assert [entry.seq for entry in bot.entries(group)] == [1, 2, gone, back]


async def test_a_bot_is_told_of_its_own_marks_alone(mesh: World) -> None:
    """Its other device hears how far it has read, and neither hears that of others, who hear that of the bot."""
    ann, bot = await new_device(mesh).connect(), await new_device(mesh).connect()
    phone = await new_device(mesh, ann.user_id).connect()
    tablet = await new_device(mesh, bot.user_id).connect()
    group = await groups.make(mesh, ann, bots=[bot], member_receipts=True)
    seq = await ann.post(group)
    await bot.read(group, seq)
    for device in (tablet, ann):
        await device.until(lambda device=device: bot.user_id in marked(device))  # type: ignore[misc]
    seq = await bot.post(group)
    await ann.read(group, seq)
    await phone.until(lambda: ann.user_id in marked(phone))
    await bot.entry(group, await ann.post(group))
    assert ann.user_id not in marked(bot) | marked(tablet)


def marked(device: Device) -> set[str]:
    """Of whom a device was told how far they have read."""
    return {receipt.user_id for receipt in device.received.receipts}


async def test_a_bot_sees_nobody_type(mesh: World) -> None:
    """Who types in a group is told to persons, and to a bot in no group."""
    ann, bob, bot = [await new_device(mesh).connect() for _ in range(3)]
    group = await groups.make(mesh, ann, bob, bots=[bot])
    await ann.say(ClientFrame(typing=[Typing(conversation_id=group)]))
    await bob.until(lambda: bob.received.typing)
    await bot.entry(group, await ann.post(group))
    assert not bot.received.typing


async def test_lists_look_at_no_more_than_they_may(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot far behind is told of what is found in a bounded look, and is not shown what lies beyond it."""
    monkeypatch.setattr(unread, "LOOKED", 3)
    monkeypatch.setattr(unread, "NEWEST", 2)
    ann, bot = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bots=[bot])
    await ann.seqs(*(post(group, text) for text in ("/1", "2", "/3", "/4")))
    request = GetConversationRequest(conversation_id=group)
    one = (await bot.do(mesh.conversations.GetConversation, request)).conversation
    assert (one.unread_count, one.last_entry.seq) == (2, 5)
    await ann.seqs(*(post(group) for _ in range(2)))
    await bot.mark_read(group, 7)
    one = (await bot.do(mesh.conversations.GetConversation, request)).conversation
    assert (one.unread_count, one.HasField("last_entry")) == (0, False)
