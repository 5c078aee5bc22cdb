"""The acts. Each waits for what the devices must see before the next one begins."""

from __future__ import annotations

import asyncio

from parley.message.v1 import notice_pb2
from parley_sdk import ParleyError, ReplyPiece
from parley_terminal.demo import signs
from parley_terminal.demo.cast import Cast

_Friend = notice_pb2.FriendNotice
_Group = notice_pb2.GroupNotice


async def befriend(cast: Cast) -> None:
    """A request and its answer reach all devices."""
    cast.stage.act("Ann asks Bob to be her friend, and he accepts")
    (bob,) = await cast.phone.client.users.find(cast.bob_name)
    await cast.phone.client.friends.request(bob.user_id, "It's Ann!")
    await cast.bob.sees("Ann's request", signs.friend_notice(_Friend.KIND_REQUESTED, cast.ann_id))
    (request,) = await cast.bob.client.friends.requests()
    await cast.bob.client.friends.accept(request.friend_request_id)
    accepted = signs.friend_notice(_Friend.KIND_ACCEPTED, cast.bob_id)
    await asyncio.gather(*(device.sees("the friendship", accepted) for device in (cast.phone, cast.laptop)))


async def chat(cast: Cast) -> None:
    """What is said on one device is on all, also on the other device of who said it."""
    cast.stage.act("They chat; Ann's laptop keeps up with her phone")
    await cast.phone.client.send_text(cast.chat, "Hello Bob, this is Ann's phone.")
    cast.bob.client.typing(cast.chat)
    await cast.phone.sees("that Bob types", signs.typing(cast.bob_id))
    await cast.bob.client.send_text(cast.chat, "Hello Ann!")
    lines = ("Three", "in", "one go.")
    answers = [cast.laptop.client.send(cast.chat, line) for line in lines]
    sent = await asyncio.gather(*answers)
    await cast.all_see(cast.chat, sent[-1].seq)


async def read(cast: Cast) -> None:
    """Both of Ann's devices learn that Bob read."""
    cast.stage.act("Bob reads, and Ann sees it on both devices")
    head = cast.bob.entries(cast.chat)[-1].seq
    await cast.bob.client.mark_read(cast.chat, head)
    sign = signs.read_by(cast.chat, cast.bob_id, head)
    await asyncio.gather(*(device.sees("that Bob read", sign) for device in (cast.phone, cast.laptop)))
    cast.texts["read"] = head


async def amend(cast: Cast) -> None:
    """An edit and a recall are entries like all others."""
    cast.stage.act("Ann corrects one message and takes another back")
    typo = await cast.phone.client.send_text(cast.chat, "See you at noone.")
    slip = await cast.phone.client.send_text(cast.chat, "This was for somebody else.")
    await cast.bob.sees_entry(cast.chat, slip.seq)
    edit = await cast.phone.client.edit(cast.chat, typo.seq, "See you at noon.")
    recall = await cast.laptop.client.recall(cast.chat, slip.seq)
    await cast.all_see(cast.chat, max(edit.seq, recall.seq))
    cast.texts.update(typo=typo.seq, slip=slip.seq, edit=edit.seq, recall=recall.seq)


async def be_away(cast: Cast) -> None:
    """A device that comes back has what it missed, in order."""
    cast.stage.act("Ann's laptop goes offline and comes back")
    await cast.laptop.client.disconnect()
    cast.stage.show(cast.laptop.title, "offline")
    waiting = cast.laptop.client.send(cast.chat, "Written on the laptop while it was offline.")
    await cast.bob.client.send_text(cast.chat, "Is your laptop asleep?")
    await cast.bob.client.send_text(cast.chat, "Then it has something to catch up with.")
    last = await cast.bob.client.send_text(cast.chat, "This too.")
    await cast.phone.sees_entry(cast.chat, last.seq)
    await cast.laptop.client.connect()
    sent = await waiting
    await cast.all_see(cast.chat, sent.seq)


async def meet(cast: Cast) -> None:
    """A group: made, filled, renamed."""
    cast.stage.act("Ann makes a group with the assistant and brings Bob in")
    (assistant, *_) = await cast.phone.client.assistants.list()
    cast.assistant_id = assistant.user_id
    made = await cast.phone.client.groups.create("Trip to the sea", [assistant.user_id])
    cast.group_id = made.group.group_id
    await cast.phone.client.groups.invite(cast.group_id, [cast.bob_id])
    await cast.bob.sees("that he is in the group", signs.group_notice(_Group.KIND_ADDED, cast.group_id))
    await cast.phone.client.groups.announce(cast.group_id, "We meet at the station at nine.")
    await cast.bob.client.send_text(cast.group_id, "I'll bring the sandwiches.")
    sent = await cast.laptop.client.send_text(cast.group_id, "And I the coffee.")
    await cast.all_see(cast.group_id, sent.seq)
    cast.texts["group"] = sent.seq


async def ask(cast: Cast) -> None:
    """An answer arrives while it is written, on both devices."""
    cast.stage.act("Ann asks the assistant; the answer arrives word by word")
    asked = await cast.phone.client.send_text(cast.assistant_chat, "Please count to 20.")
    devices = (cast.phone, cast.laptop)
    grows = signs.writing(cast.assistant_chat, asked.seq)
    ends = signs.answered(cast.assistant_chat, asked.seq)
    await asyncio.gather(*(device.sees("the answer grow", grows, 10) for device in devices))
    await asyncio.gather(*(device.sees("the whole answer", ends, 10) for device in devices))
    cast.texts["asked"] = asked.seq


async def cancel(cast: Cast) -> None:
    """What was written by then is kept."""
    cast.stage.act("Ann asks for a story and cancels it on the way")
    asked = await cast.phone.client.send_text(cast.assistant_chat, "Tell me a long story.")
    grows = signs.writing(cast.assistant_chat, asked.seq, characters=60)
    if await cast.laptop.sees("the story begin", grows, 10):
        piece = next(event for event in cast.laptop.seen if isinstance(event, ReplyPiece) and grows(event))
        await cast.laptop.client.assistants.cancel(piece.reply_id)
    ends = signs.answered(cast.assistant_chat, asked.seq)
    await asyncio.gather(*(device.sees("the cancelled answer", ends, 10) for device in (cast.phone, cast.laptop)))
    cast.texts["cancelled"] = asked.seq


async def part(cast: Cast) -> None:
    """Who was removed gets and may nothing more."""
    cast.stage.act("Ann removes Bob from the group; what follows does not reach him")
    await cast.phone.client.groups.kick(cast.group_id, [cast.bob_id])
    await cast.bob.sees("that he was removed", signs.group_notice(_Group.KIND_REMOVED, cast.group_id))
    secret = await cast.phone.client.send_text(cast.group_id, "Bob does not get this one.")
    await cast.laptop.sees_entry(cast.group_id, secret.seq)
    try:
        await cast.bob.client.send_text(cast.group_id, "May I come back?")
    except ParleyError as error:
        cast.stage.show(cast.bob.title, f"· refused: {error}")
        cast.texts["refused"] = 1
    after = await cast.phone.client.send_text(cast.chat, "No hard feelings, Bob.")
    await cast.all_see(cast.chat, after.seq)
    cast.texts.update(secret=secret.seq, after=after.seq)


ACTS = (befriend, chat, read, amend, be_away, meet, ask, cancel, part)
