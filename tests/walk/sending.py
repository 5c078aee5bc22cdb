"""Steps that write in special ways: again, later, for a time, passed on, from an outbox."""

import asyncio
import random
from typing import Final

from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2
from tests.walk import checks, rules, views
from tests.walk.walk import ALL, Act, Walk
from tests.walk.writing import packed, place, seq_words, text_body, user_gone

WITH_FILES: Final = {"image", "file", "voice", "video"}


def repeat(walk: Walk, rng: random.Random) -> Act | None:
    """Send a text again, as after a lost answer: the same number has the same place; other words are refused."""
    known = list(walk.sent)
    if not known:
        return None
    where = rng.choice(known)
    device, body, sent = walk.sent[where]
    chat = walk.model.chats[where[0]]
    # Of what was taken back nobody knows the words any more.
    other = rng.random() < 0.3 and not chat.log[where[1] - 1].gone
    if user_gone(chat, device.user_id) or rules.write(walk.model, chat, device.user_id, "post") not in {
        "",
        "SLOW_MODE",
    }:
        return None
    words = f"{walk.name(device.user_id)} sends {seq_words(chat, where[1])} again"

    async def run() -> None:
        again = text_body("other words") if other else body_pb2.Body.FromString(body)
        post = entry_pb2.Content(post=entry_pb2.Post(body=again))
        send = message_service_pb2.Send(conversation_id=chat.id, client_message_id=sent.client_message_id, content=post)
        stub = device.client.messages._stub()
        call = device.client._calls.unary(stub.Send, message_service_pb2.SendRequest(send=send))
        answer = await walk.ask(call, "MESSAGE_ID_CONFLICT" if other else "", words)
        if answer is not None:
            walk.same(words, (sent.seq, sent.sent_at_ms, True), (answer.seq, answer.sent_at_ms, answer.duplicate))

    return Act(frozenset((chat.id,)), words, run)


def forward(walk: Walk, rng: random.Random) -> Act | None:
    """Pass a post on to another conversation."""
    found = place(walk, rng)
    source = place(walk, rng)
    if found is None or source is None or found[0] not in source[2].places:
        return None
    user, device, chat = found
    seen = views.posts(source[2], user)
    if not seen:
        return None
    origin = rng.choice(seen)
    shown_now = body_pb2.Body.FromString(views.body(source[2], user, origin))
    if user_gone(source[2], user) and shown_now.WhichOneof("kind") in WITH_FILES:
        return None  # who has left fetches no files, and passes none on: said by other tests
    words = f"{walk.name(user)} forwards {seq_words(source[2], origin.seq)} to {chat.id}"

    async def run() -> None:
        shown = await device.client.messages.one(source[2].id, origin.seq)
        walk.same(words, views.body(source[2], user, origin), packed(shown.body))
        refusal = rules.write(walk.model, chat, user, "post")
        sent = await walk.ask(device.client.forward(chat.id, shown), refusal, words)
        if sent is not None:
            entry = views.edit_of(source[2], user, origin) or origin
            walk.write(chat, sent, "post", user, body=packed(shown.body), words=entry.words)

    return Act(frozenset((chat.id, source[2].id)), words, run)


def burn(walk: Walk, rng: random.Random) -> Act | None:
    """Send what destroys itself when it was read, let it be read, and wait until it is gone."""
    found = place(walk, rng)
    if found is None or found[2].group is not None or rules.write(walk.model, found[2], found[0], "post"):
        return None
    user, device, chat = found
    peer = next(one for one in chat.users if one != user)
    words = f"{walk.name(user)} posts what destroys itself in {chat.id}"

    async def run() -> None:
        text, said = walk.word(rng)
        sent = await device.client.send(chat.id, text, expires_after_ms=100)
        walk.write(chat, sent, "post", user, body=packed(text_body(text)), words=said)
        await walk.devices[peer][0].client.conversations.mark_read(chat.id, sent.seq)
        chat.places[peer].read = sent.seq
        chat.append("recall", "", target=sent.seq, expired=True)
        await walk.log_reaches(chat, user)

    return Act(frozenset((chat.id, user, peer)), words, run)


def typing(walk: Walk, rng: random.Random) -> Act | None:
    """Type: a hint, which changes nothing that stays."""
    found = place(walk, rng)
    if found is None:
        return None
    user, device, chat = found

    async def run() -> None:
        device.client.typing(chat.id)

    return Act(frozenset(), f"{walk.name(user)} types in {chat.id}", run)


def outbox(walk: Walk, rng: random.Random) -> Act | None:
    """Write while offline, and hear others meanwhile: it goes out in order when the device is back."""
    found = place(walk, rng)
    if found is None or user_gone(found[2], found[0]) or rules.write(walk.model, found[2], found[0], "post"):
        return None
    user, device, chat = found
    if chat.group is not None and chat.group.slow:
        return None
    words = f"{walk.name(user)} writes offline in {chat.id}"

    async def run() -> None:
        await device.client.disconnect()
        texts = [walk.word(rng) for _ in range(3)]
        waiting = [device.client.send(chat.id, text) for text, _ in texts]
        other = next((one for one in walk.devices[user] if one is not device and one.id not in walk.away), None)
        if other is not None:
            text, said = walk.word(rng)
            walk.write(
                chat, await other.client.send(chat.id, text), "post", user, body=packed(text_body(text)), words=said
            )
        await device.client.connect()
        for (text, said), sent in zip(texts, await asyncio.gather(*waiting), strict=True):
            walk.write(chat, sent, "post", user, body=packed(text_body(text)), words=said)

    return Act(frozenset((ALL,)), words, run)


def pin_anew(walk: Walk, rng: random.Random) -> Act | None:
    """Pin two posts and the first of them again, which comes to the front."""
    found = place(walk, rng)
    seen = views.posts(found[2], found[0])[-6:] if found and found[0] in found[2].places else []
    if found is None or len(seen) < 2:
        return None
    user, device, chat = found
    one, other = rng.sample([post.seq for post in seen], 2)
    words = f"{walk.name(user)} pins {one}, {other} and {one} in {chat.id}"

    async def run() -> None:
        for seq in (one, other, one):
            refusal = rules.write(walk.model, chat, user, "pin", seq)
            sent = await walk.ask(device.client.pin(chat.id, seq), refusal, words)
            if sent is not None:
                walk.write(chat, sent, "pin", user, target=seq)
        await checks.pins(walk, chat, user, device)

    return Act(frozenset((chat.id,)), words, run)
