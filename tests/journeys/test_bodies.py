"""What messages may hold besides text and files, and whom they address."""

from typing import Final

import pytest

from parley.message.v1 import body_pb2
from parley_sdk import Code, ParleyError
from tests.journeys.people import People

Body = body_pb2.Body
USER: Final = "u" + "0" * 15

BODIES: Final[dict[str, Body]] = {
    "location": Body(location=body_pb2.Location(latitude=-90, longitude=180, title="The pole", address="South")),
    "card": Body(card=body_pb2.Card(subject_id=USER, title="Someone")),
    "custom": Body(custom=body_pb2.Custom(type="com.example.poll", payload=bytes(range(256)))),
    "bundle": Body(bundle=body_pb2.Bundle(title="Trip", items=[body_pb2.BundleItem(sender_name="Eve", summary="go")])),
    "sticker": Body(sticker=body_pb2.Sticker(name="🐳")),
}

WRONG: Final[dict[str, tuple[Body, str]]] = {
    "a place beyond the pole": (Body(location=body_pb2.Location(latitude=90.5)), "location.latitude"),
    "a place that is no number": (Body(location=body_pb2.Location(longitude=float("nan"))), "location.longitude"),
    "a card of nobody": (Body(card=body_pb2.Card(subject_id="bob")), "card.subject_id"),
    "a type without a name": (Body(custom=body_pb2.Custom(payload=b"x")), "custom.type"),
    "a payload too large": (Body(custom=body_pb2.Custom(type="x", payload=bytes(16_385))), "custom.payload"),
    "a sticker that is none": (Body(sticker=body_pb2.Sticker()), "sticker.name"),
}


def shown(body: Body) -> Body:
    """The body with the words that old apps show in its place."""
    copy = Body(fallback_text="something")
    copy.MergeFrom(body)
    return copy


async def test_every_kind_of_body_reaches_a_device_that_was_away(people: People) -> None:
    """Places, cards, an app's own types, bundles and stickers come to the other side as they were sent, to a device
    that was offline meanwhile too.
    """
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    chat = ann.chat_with(bob)
    await tablet.client.disconnect()
    sent = [await ann.client.send(chat, shown(body)) for body in BODIES.values()]
    await tablet.client.connect()
    for device in (bob, tablet):
        await device.until_seq(chat, sent[-1].seq)
        got = [one.content.post.body for one in device.shown[chat]]
        assert got == [shown(body) for body in BODIES.values()]
        assert [body.WhichOneof("kind") for body in got] == list(BODIES)


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_in_a_body_is_named(people: People, name: str) -> None:
    """The server reads what is in a body: a send that is outside its limits is refused, and the field is named."""
    ann, bob = await people.users("ann", "bob")
    chat, (body, field) = ann.chat_with(bob), WRONG[name]
    with pytest.raises(ParleyError) as refused:
        await ann.client.send(chat, shown(body))
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [one.field for one in refused.value.fields if one.field.endswith(field)]
    assert (await ann.client.send(chat, "go on")).seq == 1


async def test_who_is_addressed_is_told_so_on_every_device(people: People) -> None:
    """Members are counted the posts that name them or all; who may not address all is refused; reading on one device
    ends it on the other, which was offline.
    """
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(bob)
    group = await people.open_group(ann, bob, eve)
    await tablet.client.disconnect()
    await eve.client.send(group, "nobody in particular")
    named = await eve.client.send(group, "Bob?", mentions=[bob.user_id])
    with pytest.raises(ParleyError) as refused:
        await eve.client.send(group, "everybody!", mentions_all=True)
    assert refused.value.reason == "NOT_ALLOWED"
    last = await ann.client.send(group, "all of you", mentions_all=True)
    await tablet.client.connect()
    await tablet.until_seq(group, last.seq)
    posts = {one.seq: one.content.post for one in tablet.shown[group] if one.content.HasField("post")}
    assert list(posts[named.seq].mentioned_user_ids) == [bob.user_id]
    assert posts[last.seq].mentions_all
    counts = {user: await user.client.conversations.get(group) for user in (tablet, eve)}
    assert [(one.unread_count, one.mention_count) for one in counts.values()] == [(3, 2), (1, 1)]
    await tablet.client.conversations.mark_read(group, named.seq)
    rest = await bob.client.conversations.get(group)
    assert (rest.unread_count, rest.mention_count) == (1, 1)
