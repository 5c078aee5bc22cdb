"""What must hold at the end, by what each device recorded."""

from __future__ import annotations

from itertools import pairwise

from parley.message.v1 import body_pb2, notice_pb2
from parley_sdk import EntryReceived
from parley_terminal.demo import signs
from parley_terminal.demo.cast import Cast
from parley_terminal.demo.device import Device


def judge(cast: Cast) -> None:
    """Check everything and note it on the stage."""
    cast.stage.act("What each device saw")
    _order(cast)
    _sameness(cast)
    _friendship(cast)
    _amendments(cast)
    _receipts(cast)
    _assistant(cast)
    _removal(cast)


def _order(cast: Cast) -> None:
    for device in cast.devices:
        conversations = {event.conversation_id for event in device.seen if isinstance(event, EntryReceived)}
        runs = [[event.seq for event in device.entries(name)] for name in conversations]
        holds = all(later == earlier + 1 for run in runs for earlier, later in pairwise(run))
        cast.stage.check(f"{device.title}: {sum(map(len, runs))} entries, each once and in order", holds=holds)


def _sameness(cast: Cast) -> None:
    recalled = cast.texts.get("slip", 0)
    phone, laptop, bob = (_texts(device, cast.chat, recalled) for device in cast.devices)
    cast.stage.check(f"the chat is the same on all three devices ({len(phone)} entries)", holds=phone == laptop == bob)
    offline = [text for _, text in laptop if "while it was offline" in text]
    cast.stage.check("what the laptop wrote offline was written once", holds=len(offline) == 1)
    group = cast.group_id
    same = _texts(cast.phone, group) == _texts(cast.laptop, group)
    cast.stage.check("the group is the same on both of Ann's devices", holds=same)


def _friendship(cast: Cast) -> None:
    sign = signs.friend_notice(notice_pb2.FriendNotice.KIND_ACCEPTED, cast.bob_id)
    both = all(any(map(sign, device.seen)) for device in (cast.phone, cast.laptop))
    cast.stage.check("both of Ann's devices learnt of the friendship", holds=both)


def _amendments(cast: Cast) -> None:
    for device in cast.devices:
        entries = {event.seq: event for event in device.entries(cast.chat)}
        edit, recall = entries.get(cast.texts.get("edit", 0)), entries.get(cast.texts.get("recall", 0))
        edited = edit is not None and edit.entry.content.edit.target_seq == cast.texts["typo"]
        recalled = recall is not None and recall.entry.content.recall.target_seq == cast.texts["slip"]
        cast.stage.check(f"{device.title}: saw the correction and the recall", holds=edited and recalled)


def _receipts(cast: Cast) -> None:
    sign = signs.read_by(cast.chat, cast.bob_id, cast.texts.get("read", 0))
    for device in (cast.phone, cast.laptop):
        cast.stage.check(f"{device.title}: saw that Bob read", holds=any(map(sign, device.seen)))
    typed = any(map(signs.typing(cast.bob_id), cast.phone.seen))
    cast.stage.check("Ann's phone: saw Bob type", holds=typed)


def _assistant(cast: Cast) -> None:
    numbers = " ".join(str(number) for number in range(1, 21))
    for device in (cast.phone, cast.laptop):
        whole = _answer(device, cast, "asked")
        complete = whole.finish == body_pb2.AssistantReply.FINISH_COMPLETE and whole.text.strip() == numbers
        cast.stage.check(f"{device.title}: has the whole answer", holds=complete)
        steps = sum(map(signs.writing(cast.assistant_chat, cast.texts.get("asked", 0)), device.seen))
        cast.stage.check(f"{device.title}: saw it grow in {steps} steps", holds=steps > 1)
        cut = _answer(device, cast, "cancelled").finish == body_pb2.AssistantReply.FINISH_CANCELLED
        cast.stage.check(f"{device.title}: has what was written of the cancelled story", holds=cut)


def _removal(cast: Cast) -> None:
    last = max((event.seq for event in cast.bob.entries(cast.group_id)), default=0)
    holds = 0 < last < cast.texts.get("secret", 0)
    cast.stage.check("Bob's phone: has nothing of the group from after his removal", holds=holds)
    cast.stage.check("Bob's phone: could not write there any more", holds="refused" in cast.texts)
    after = any(event.seq == cast.texts.get("after") for event in cast.bob.entries(cast.chat))
    cast.stage.check("Bob's phone: still has the chat with Ann", holds=after)


def _texts(device: Device, conversation_id: str, recalled: int = 0) -> list[tuple[int, str]]:
    # A device that got a post before its recall has the words, one that got it later has not.
    return [(event.seq, event.text) for event in device.entries(conversation_id) if event.seq != recalled]


def _answer(device: Device, cast: Cast, name: str) -> body_pb2.AssistantReply:
    sign = signs.answered(cast.assistant_chat, cast.texts.get(name, 0))
    found = next((event for event in device.seen if isinstance(event, EntryReceived) and sign(event)), None)
    return signs.reply_of(found) if found else body_pb2.AssistantReply()
