"""Reactions, pins, edits, answers and what is passed on, on devices that were away meanwhile."""

from functools import partial

import pytest

from parley.group.v1 import group_pb2
from parley.message.v1 import body_pb2
from parley_sdk import ParleyError, Shown, present
from tests.journeys.people import Device, People, patiently


async def shown(device: Device, chat: str) -> dict[int, Shown]:
    """The conversation as this device shows it now, from the log."""
    page = await patiently(partial(device.client.messages.stretch, chat, limit=200))
    return {one.seq: one for one in present(page.entries, page.amendments, page.reactions)}


def state(page: dict[int, Shown], seq: int) -> tuple[str, list[tuple[str, int]]]:
    """The text and the reactions of a post."""
    return page[seq].text, [(count.name, count.count) for count in page[seq].reactions]


async def test_reactions_pins_and_edits_on_a_device_that_was_away(people: People) -> None:
    """Who was offline gets each change as an entry, in order, and sees the same present state as the others."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    chat = ann.chat_with(bob)
    first, second = await ann.say(chat, "dinner?", "pizza")
    await tablet.until_seq(chat, second.seq)
    await tablet.client.disconnect()
    await bob.client.react(chat, first.seq, "👍")
    await ann.client.react(chat, first.seq, "👍")
    await bob.client.react(chat, first.seq, "🎉")
    await bob.client.react(chat, first.seq, "🎉", removed=True)
    await ann.client.pin(chat, first.seq)
    await bob.client.pin(chat, second.seq)
    await ann.client.pin(chat, first.seq, removed=True)
    last = await ann.client.edit(chat, second.seq, "pasta")
    await bob.until_seq(chat, last.seq)
    await tablet.client.connect()
    await tablet.until_seq(chat, last.seq)
    assert tablet.seqs(chat) == list(range(1, last.seq + 1))
    for device in (ann, bob, tablet):
        page = await shown(device, chat)
        assert state(page, first.seq) == ("dinner?", [("👍", 2)])
        assert state(page, second.seq) == ("pasta", [])
        assert [(one.seq, one.text) for one in await device.client.conversations.pins(chat)] == [(second.seq, "pasta")]
        assert [entry.seq for entry in await device.client.messages.edits(chat, second.seq)] == [second.seq, last.seq]
        given = await device.client.messages.reactions(chat, first.seq)
        assert [(one.user_id, one.name) for one in given] == [(ann.user_id, "👍"), (bob.user_id, "👍")]
    old = await bob.client.messages.stretch(chat, from_seq=first.seq, to_seq=second.seq)
    assert [one.text for one in present(old.entries, old.amendments)] == ["dinner?", "pasta"]


async def test_who_may_pin_in_a_group(people: People) -> None:
    """Members pin when the group lets them, and not before; all devices hear of it in the log."""
    owner, member = await people.users("owner", "member")
    group = await people.open_group(owner, member)
    [said] = await owner.say(group, "read this")
    await member.until_text(group, "read this")
    with pytest.raises(ParleyError) as refused:
        await member.client.pin(group, said.seq)
    assert refused.value.reason == "NOT_ALLOWED"
    await owner.client.groups.update(group, group_pb2.GroupSettings(pin_role=group_pb2.ROLE_MEMBER), ["pin_role"])
    await member.until_kind(group, "group")
    await member.client.pin(group, said.seq)
    await owner.until_kind(group, "pin")
    assert [one.seq for one in await owner.client.conversations.pins(group)] == [said.seq]


async def test_answers_and_what_is_passed_on(people: People) -> None:
    """An answer shows what it answers, a forwarded message where it comes from, a bundle what it holds."""
    ann, bob, carol = await people.users("ann", "bob", "carol")
    chat, other = ann.chat_with(bob), ann.chat_with(carol)
    one, two = await bob.say(chat, "where to?", "when?")
    await ann.client.edit(chat, (await ann.say(chat, "to Rom"))[0].seq, "to Rome")
    await ann.until_text(chat, "when?")
    asked = await ann.client.messages.one(chat, one.seq)
    answer = await ann.client.reply(asked, "to the sea")
    await bob.until_text(chat, "to the sea")
    post = bob.shown[chat][-1].content.post
    assert (post.reply_to_seq, post.reply_preview) == (one.seq, "where to?")
    await ann.client.forward(other, await ann.client.messages.one(chat, answer.seq))
    await carol.until_text(other, "to the sea")
    assert carol.shown[other][-1].content.post.forwarded_from == body_pb2.MessageRef(
        conversation_id=chat, seq=answer.seq
    )
    posts = [found for found in (await shown(ann, chat)).values() if found.entry.content.HasField("post")]
    names = {ann.user_id: "Ann", bob.user_id: "Bob"}
    await ann.client.forward_all(other, "The trip", posts, names.__getitem__)
    bundle = await last_bundle(carol, other)
    assert [(item.sender_name, item.summary) for item in bundle.items] == [
        ("Bob", "where to?"),
        ("Bob", "when?"),
        ("Ann", "to Rome"),
        ("Ann", "to the sea"),
    ]
    assert two.seq == one.seq + 1


async def last_bundle(device: Device, chat: str) -> body_pb2.Bundle:
    """Wait for a bundle."""
    found = await device.until(
        lambda: [one.content.post.body.bundle for one in device.shown[chat] if one.content.post.body.bundle.items],
        "a bundle",
    )
    return found[-1]


async def test_an_answer_to_what_was_taken_back(people: People) -> None:
    """It is accepted without a copy of the recalled words, and sent twice it is written once."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    [said] = await ann.say(chat, "my secret")
    await bob.until_text(chat, "my secret")
    quoted = await bob.client.messages.one(chat, said.seq)
    await ann.client.recall(chat, said.seq)
    await bob.until_kind(chat, "recall")
    answer = await bob.client.reply(quoted, "too late")
    await ann.until_text(chat, "too late")
    entry = ann.shown[chat][-1]
    assert (entry.content.post.reply_to_seq, entry.content.post.reply_preview) == (said.seq, "")
    assert "my secret" not in str(await bob.history(chat))
    assert answer.seq == entry.seq
