"""Reactions, pins and edits: who may, how many, and what everyone sees of them."""

from collections.abc import Sequence

import pytest

from parley.conversation.v1.conversation_service_pb2 import ListPinsRequest, ListPinsResponse
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.entry_pb2 import Content, Pin, Reaction
from parley.message.v1.message_service_pb2 import (
    ListEditsRequest,
    ListEditsResponse,
    ListEntriesResponse,
    ListReactionsRequest,
    ListReactionsResponse,
    Send,
)
from parley.message.v1.notice_pb2 import GroupChange
from svc_message.application.reading import present
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, reaction, recall, send
from tests.svc_message.world import World, refusal


def pin(chat: str, target: int, *, removed: bool = False) -> Send:
    """A pin, or its end."""
    return send(chat, Content(pin=Pin(target_seq=target, removed=removed)))


def take_away(chat: str, target: int, name: str = "+1") -> Send:
    """The end of a reaction."""
    return send(chat, Content(reaction=Reaction(target_seq=target, name=name, removed=True)))


def counts(page: ListEntriesResponse) -> list[tuple[int, str, int, bool]]:
    """The reactions of a page."""
    return [(one.target_seq, one.name, one.count, one.mine) for one in page.reactions]


async def reactions(device: Device, chat: str, seq: int, **page: int | str) -> ListReactionsResponse:
    """One page of who reacted."""
    message = MessageRef(conversation_id=chat, seq=seq)
    request = ListReactionsRequest(message=message, **page)  # type: ignore[arg-type]
    return await device.do(device.world.messages.ListReactions, request)


async def pins(device: Device, chat: str, **page: int | str) -> ListPinsResponse:
    """One page of pins."""
    request = ListPinsRequest(conversation_id=chat, **page)  # type: ignore[arg-type]
    return await device.do(device.world.conversations.ListPins, request)


async def edits(device: Device, chat: str, seq: int, **page: int | str) -> ListEditsResponse:
    """One page of the bodies that a post had."""
    message = MessageRef(conversation_id=chat, seq=seq)
    request = ListEditsRequest(message=message, **page)  # type: ignore[arg-type]
    return await device.do(device.world.messages.ListEdits, request)


def texts(entries: Sequence[object]) -> list[str]:
    """The texts of posts and edits."""
    return [e.content.post.body.text.text or e.content.edit.body.text.text for e in entries]  # type: ignore[attr-defined]


async def test_reactions_are_counted_from_the_log(mesh: World) -> None:
    """What was given, given twice, taken away and given again is counted once for each user, for all alike."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(post(chat), post(chat))
    await ann.seqs(reaction(chat, 1), reaction(chat, 1), reaction(chat, 1, "🎉"))
    await bob.seqs(reaction(chat, 1), reaction(chat, 2), take_away(chat, 2), take_away(chat, 2))
    assert counts(await ann.history(chat)) == [(1, "+1", 2, True), (1, "🎉", 1, True)]
    assert counts(await bob.history(chat, to_seq=1)) == [(1, "+1", 2, True), (1, "🎉", 1, False)]
    assert counts(await bob.history(chat, from_seq=2)) == []
    await bob.seqs(reaction(chat, 2))
    assert counts(await ann.history(chat, from_seq=2, to_seq=2)) == [(2, "+1", 1, False)]


async def test_who_reacted_and_how(mesh: World) -> None:
    """The list has each reaction once, the newest first, in pages; a token of another question is refused."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    await ann.seqs(reaction(chat, 1, "a"), reaction(chat, 1, "b"), reaction(chat, 1, "a"))
    await bob.seqs(reaction(chat, 1, "a"), reaction(chat, 1, "b"), take_away(chat, 1, "b"))
    first = await reactions(bob, chat, 1, page_size=2)
    second = await reactions(bob, chat, 1, page_size=2, page_token=first.next_page_token)
    found = [(one.user_id, one.name) for page in (first, second) for one in page.items]
    assert found == [(bob.user_id, "a"), (ann.user_id, "b"), (ann.user_id, "a")]
    assert not second.next_page_token
    await ann.seqs(post(chat))
    wrong = await refusal(reactions(bob, chat, 8, page_token=first.next_page_token))
    assert wrong.reason == "PAGE_TOKEN_INVALID"
    assert (await refusal(reactions(bob, chat, 2))).reason == "ENTRY_NOT_FOUND"
    stranger = new_device(mesh)
    assert (await refusal(reactions(stranger, chat, 1))).reason == "CONVERSATION_NOT_FOUND"


async def test_a_recalled_post_has_no_reactions_pins_or_edits(mesh: World) -> None:
    """With the post goes all that it had, and nothing is added to it any more."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat, "canary")
    await ann.seqs(reaction(chat, 1), pin(chat, 1), edit(chat, 1, "canary 2"), recall(chat, 1))
    assert counts(await bob.history(chat)) == []
    assert not (await reactions(bob, chat, 1)).items
    assert not (await pins(bob, chat)).entries
    [tombstone] = (await edits(bob, chat, 1)).entries
    assert tombstone.content.HasField("tombstone")
    for late in (reaction(chat, 1), take_away(chat, 1), pin(chat, 1), edit(chat, 1)):
        assert await ann.refused(late) == "ALREADY_RECALLED"


async def test_targets_must_be_posts_that_one_may_see(mesh: World) -> None:
    """What stands before a member came, what is no post and what is not written yet takes no reaction and no pin."""
    owner, late = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner)
    before = await owner.post(team)
    came = await groups.add(mesh, team, late)
    await groups.update(mesh, team, late, groups.ADMIN)
    mine = await late.post(team)
    for wrong in (reaction, pin):
        assert await late.refused(wrong(team, before)) == "ENTRY_NOT_FOUND"
        assert await late.refused(wrong(team, came)) == "ENTRY_NOT_FOUND"
        assert await late.refused(wrong(team, mine + 50)) == "ENTRY_NOT_FOUND"
    assert await late.refused(post(team, reply_to_seq=before)) == "ENTRY_NOT_FOUND"
    await owner.seqs(reaction(team, before), pin(team, before), pin(team, mine))
    assert (await refusal(reactions(late, team, before))).reason == "ENTRY_NOT_FOUND"
    assert [entry.seq for entry in (await pins(late, team)).entries] == [mine]
    assert [entry.seq for entry in (await pins(owner, team)).entries] == [mine, before]


async def test_how_many_reactions_there_may_be(mesh: World) -> None:
    """A post has at most 50 different reactions, and a user at most 20; what is there already is fine."""
    people = [await new_device(mesh).connect() for _ in range(4)]
    team = await groups.make(mesh, *people)
    seq = await people[0].post(team)
    for number, device in enumerate(people[:3]):
        names = [f"{number}-{one}" for one in range(20 if number < 2 else 10)]
        await device.seqs(*(reaction(team, seq, name) for name in names))
    assert await people[0].refused(reaction(team, seq, "1-0")) == "REACTION_LIMIT_REACHED"
    assert await people[3].refused(reaction(team, seq, "new")) == "REACTION_LIMIT_REACHED"
    await people[3].seqs(reaction(team, seq, "1-0"))
    await people[0].seqs(reaction(team, seq, "0-0"), take_away(team, seq, "0-1"), reaction(team, seq, "1-0"))
    await people[3].seqs(reaction(team, seq, "new"))
    assert len((await people[3].history(team, from_seq=seq, to_seq=seq)).reactions) == 50


async def test_who_may_pin(mesh: World) -> None:
    """Both in a direct chat; in a group owner and admins, unless the group lets all."""
    owner, admin, member = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, owner, admin, member)
    await groups.update(mesh, team, admin, groups.ADMIN)
    seq = await member.post(team)
    assert await member.refused(pin(team, seq)) == "NOT_ALLOWED"
    await admin.seqs(pin(team, seq))
    assert await member.refused(pin(team, seq, removed=True)) == "NOT_ALLOWED"
    await groups.change_group(mesh, team, GroupChange(pin_open=True))
    await member.seqs(pin(team, seq, removed=True))
    assert not (await pins(owner, team)).entries
    chat = direct(owner, member)
    await owner.seqs(post(chat))
    await member.seqs(pin(chat, 1))
    assert [entry.seq for entry in (await pins(owner, chat)).entries] == [1]


async def test_pins_are_listed_with_their_present_text(mesh: World) -> None:
    """The one pinned last comes first, in pages, with its newest edit."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "one"), post(chat, "two"), post(chat, "three"))
    await ann.seqs(*(pin(chat, seq) for seq in (1, 2, 3, 1)), edit(chat, 2, "2nd"), edit(chat, 2, "second"))
    first = await pins(ann, chat, page_size=2)
    second = await pins(ann, chat, page_size=2, page_token=first.next_page_token)
    assert texts([*first.entries, *second.entries]) == ["one", "three", "two"]
    assert (texts(first.amendments), texts(second.amendments), second.next_page_token) == ([], ["second"], "")
    await ann.seqs(pin(chat, 3, removed=True))
    assert texts((await pins(ann, chat)).entries) == ["one", "two"]


async def test_how_many_pins_there_may_be(mesh: World) -> None:
    """A conversation has at most 100 pinned posts; a recalled one takes no place."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    for _ in range(2):
        await ann.seqs(*(post(chat) for _ in range(51)))
    await ann.seqs(*(pin(chat, seq) for seq in range(1, 51)))
    await ann.seqs(*(pin(chat, seq) for seq in range(51, 101)))
    assert await ann.refused(pin(chat, 101)) == "PIN_LIMIT_REACHED"
    await ann.seqs(pin(chat, 7), recall(chat, 8), pin(chat, 101))
    assert len((await pins(ann, chat, page_size=200)).entries) == 100
    assert await ann.refused(pin(chat, 102)) == "PIN_LIMIT_REACHED"
    await ann.seqs(pin(chat, 9, removed=True), pin(chat, 102))


async def test_the_bodies_that_a_post_had(mesh: World) -> None:
    """The post and its edits come oldest first, in pages; there are at most 200 of them."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "0"))
    for tens in range(4):
        await ann.seqs(*(edit(chat, 1, str(tens * 50 + number)) for number in range(1, 51)))
    first = await edits(ann, chat, 1, page_size=150)
    second = await edits(ann, chat, 1, page_size=150, page_token=first.next_page_token)
    assert texts([*first.entries, *second.entries]) == [str(number) for number in range(201)]
    assert not second.next_page_token
    assert await ann.refused(edit(chat, 1)) == "EDIT_LIMIT_REACHED"
    assert texts((await ann.history(chat, to_seq=1)).amendments) == ["200"]


async def test_many_reactions_are_all_counted(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one look at the log does not hold all changes, the counts are the same, and go on from what is known."""
    monkeypatch.setattr(present, "PIECE", 3)
    people = [await new_device(mesh).connect() for _ in range(5)]
    team = await groups.make(mesh, *people)
    seqs = [await people[0].post(team) for _ in range(2)]
    for device in people:
        await device.seqs(*(reaction(team, seq) for seq in seqs), reaction(team, seqs[0], "!"))
    await people[0].seqs(take_away(team, seqs[0]))
    shown = [(seqs[0], "!", 5), (seqs[0], "+1", 4), (seqs[1], "+1", 5)]
    for _ in range(2):
        page = await people[1].history(team)
        assert [(one.target_seq, one.name, one.count) for one in page.reactions] == shown
    await people[1].seqs(take_away(team, seqs[0], "!"))
    assert [one.count for one in (await people[1].history(team)).reactions] == [4, 4, 5]


async def test_who_left_sees_what_was_there_then(mesh: World) -> None:
    """Reactions and pins of later times are not for those who were removed."""
    owner, gone = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, gone)
    seq = await owner.post(team)
    await owner.seqs(reaction(team, seq), pin(team, seq))
    await groups.kick(mesh, team, gone)
    await owner.seqs(reaction(team, seq, "late"), post(team))
    await owner.seqs(pin(team, seq + 5))
    assert counts(await gone.history(team)) == [(seq, "+1", 1, False)]
    assert [one.name for one in (await reactions(gone, team, seq)).items] == ["+1"]
    assert [entry.seq for entry in (await pins(gone, team)).entries] == [seq]
    assert (await refusal(reactions(gone, team, seq + 5))).reason == "ENTRY_NOT_FOUND"


async def test_who_left_keeps_the_pins_of_then(mesh: World) -> None:
    """What is unpinned or brought to the front later stays where it was for those who were removed, asked again too."""
    owner, gone = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, gone)
    one, two, three = [await owner.post(team) for _ in range(3)]
    await owner.seqs(pin(team, one), pin(team, two), pin(team, three))
    await groups.kick(mesh, team, gone)
    await owner.seqs(pin(team, two, removed=True), pin(team, one))
    for _ in range(2):
        assert [entry.seq for entry in (await pins(gone, team)).entries] == [three, two, one]
        assert [entry.seq for entry in (await pins(owner, team)).entries] == [one, three]
