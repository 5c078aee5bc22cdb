"""Steps that write into a conversation: each is first chosen, then done and taken into the model."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Final

from parley.message.v1 import body_pb2
from parley_sdk import Sent, body_of
from tests.journeys.people import Device
from tests.walk import checks, rules, views
from tests.walk.model import Chat, Entry
from tests.walk.walk import Act, Walk

REACTIONS: Final = ("👍", "🎉", "😢")

FILES: Final = ["image", "file", "voice", "sound", "video"]
OTHER_KINDS: Final = [*FILES, "location", "card", "custom", "bundle", "sticker"]


def text_body(text: str) -> body_pb2.Body:
    """A body that is a text."""
    return body_pb2.Body(text=body_pb2.Text(text=text))


def packed(body: body_pb2.Body) -> bytes:
    """A body as the model keeps it."""
    return body.SerializeToString(deterministic=True)


def place(walk: Walk, rng: random.Random) -> tuple[str, Device, Chat] | None:
    """Someone with a device that is online, and a conversation: mostly one of theirs."""
    user = walk.user(rng)
    device = walk.device(user, rng)
    chats = list(walk.model.chats.values())
    mine = [chat for chat in chats if user in chat.users or user in chat.places]
    if device is None or not chats:
        return None
    if rng.random() < 0.05:  # some groups are not theirs
        mine = [chat for chat in chats if chat.group is not None]
    elif rng.random() < 0.95:  # few begin a chat, and most go on where much was said
        told = [chat for chat in mine if chat.head and not user_gone(chat, user)]
        mine = sorted(told, key=lambda chat: -chat.head)[: rng.choice([1, 3, 9])] or mine
    return (user, device, rng.choice(mine)) if mine else None


def target(walk: Walk, chat: Chat, user: str, rng: random.Random) -> int:
    """A post that the user sees, seldom something that cannot be meant."""
    if rng.random() < 0.05 or user not in chat.places:
        return rng.choice([chat.head + 5, 1, max(chat.head, 1)]) if user not in chat.places else chat.head + 5
    seen = [one for one in views.shown(chat, user) if one.kind == "post"]
    if not seen:
        return chat.head + 5
    newest = seen[-6:] if rng.random() < 0.7 else seen
    return rng.choice(newest).seq


def seq_words(chat: Chat, seq: int) -> str:
    """How a failure calls a place."""
    return f"{seq} in {chat.id}"


def user_gone(chat: Chat, user: str) -> bool:
    """Whether the user is no member."""
    return user not in chat.places or not chat.places[user].present


async def _body(walk: Walk, device: Device, rng: random.Random) -> tuple[body_pb2.Body, frozenset[str]]:
    text, words = walk.word(rng)
    kind = rng.choice(["text"] * 8 + OTHER_KINDS)
    body = body_pb2.Body(fallback_text=f"[{kind}]")
    match kind:
        case "text":
            return text_body(text), words
        case "image" | "file" | "video":
            media = await walk.file_of(device, "image" if kind == "file" else kind)
            return body_of(media, text, as_file=kind == "file"), words
        case "voice" | "sound":
            return body_of(await walk.file_of(device, kind)), frozenset()
        case "location":
            body.location.MergeFrom(body_pb2.Location(latitude=1.5, longitude=2.5))
        case "card":
            body.card.subject_id = device.user_id
        case "custom":
            body.custom.MergeFrom(body_pb2.Custom(type="walk.poll", payload=text.encode()))
        case "bundle":
            body.bundle.items.add(sender_name="someone", summary="something")
        case _:
            body.sticker.name = "🐳"
    return body, frozenset()


def post(walk: Walk, rng: random.Random) -> Act | None:
    """Say something: any kind of body, an answer, a mention."""
    found = place(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    reply = target(walk, chat, user, rng) if rng.random() < 0.3 else 0
    mentions = frozenset(rng.sample(walk.model.users, 1)) if rng.random() < 0.3 else frozenset()
    everyone = chat.group is not None and rng.random() < 0.15
    words = f"{walk.name(user)} posts in {chat.id} at {chat.head + 1}"

    async def run() -> None:
        body, said = await _body(walk, device, rng)
        refusal = rules.write(walk.model, chat, user, "post", reply, everyone=everyone)
        call = device.client.send(chat.id, body, reply_to_seq=reply, mentions=mentions, mentions_all=everyone)
        sent = await walk.ask(call, refusal, words)
        if sent is not None:
            entry = {"target": reply, "body": packed(body), "words": said, "mentions": mentions, "everyone": everyone}
            walk.write(chat, sent, "post", user, **entry)

    return Act(frozenset((chat.id,)), words, run)


def plain(walk: Walk, rng: random.Random) -> Act | None:
    """Say a plain text, several at once."""
    found = place(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    words = f"{walk.name(user)} writes texts in {chat.id} at {chat.head + 1}"

    async def run() -> None:
        for _ in range(rng.randint(1, 3)):
            text, said = walk.word(rng)
            refusal = rules.write(walk.model, chat, user, "post")
            sent = await walk.ask(device.client.send(chat.id, text), refusal, words)
            if sent is not None:
                walk.write(chat, sent, "post", user, body=packed(text_body(text)), words=said)
                walk.sent[chat.id, sent.seq] = device, packed(text_body(text)), sent

    return Act(frozenset((chat.id,)), words, run)


def amend(kind: str, walk: Walk, rng: random.Random) -> Act | None:
    """Edit, recall, react to or pin a post."""
    found = place(walk, rng)
    if found is None:
        return None
    user, device, chat = found
    seq, name, removed = _meant(kind, walk, chat, user, rng)
    words = f"{walk.name(user)} does {kind} {seq} in {chat.id} at {chat.head + 1}"

    async def run() -> None:
        refusal = rules.write(walk.model, chat, user, kind, seq)
        text, said = walk.word(rng)
        sent = await walk.ask(_call(device, chat, kind, seq, name, text, removed=removed), refusal, words)
        if sent is not None:
            told = {"body": packed(text_body(text)), "words": said} if kind == "edit" else {}
            entry = walk.write(chat, sent, kind, user, target=seq, **told)
            entry.name, entry.removed = name if kind == "reaction" else "", removed
        if kind == "pin" and user in chat.places:
            await checks.pins(walk, chat, user, device)

    return Act(frozenset((chat.id,)), words, run)


def _meant(kind: str, walk: Walk, chat: Chat, user: str, rng: random.Random) -> tuple[int, str, bool]:
    """Which post, which reaction, and whether it is taken away: mostly one that is there."""
    seq, name = target(walk, chat, user, rng), rng.choice(REACTIONS)
    if user not in chat.places or rng.random() < 0.1:
        return seq, name, kind in {"reaction", "pin"} and rng.random() < 0.5
    posts = views.posts(chat, user)
    own = [one.seq for one in posts if one.sender == user]
    given = [(post.seq, one) for post in posts for one in _given(chat, user, post)]
    pinned = views.pins(chat, user)
    if kind in {"edit", "recall"} and own:
        edited = [one.seq for one in posts if one.sender == user and views.edit_of(chat, user, one)]
        return rng.choice(edited if edited and rng.random() < 0.5 else own[-6:]), name, False
    if kind == "reaction" and given and rng.random() < 0.45:
        return *rng.choice(given), True
    if kind == "pin" and len(pinned) > 1 and rng.random() < 0.6:
        return (pinned[-1], name, False) if rng.random() < 0.6 else (rng.choice(pinned), name, True)
    return seq, name, False


def _given(chat: Chat, user: str, post: Entry) -> list[str]:
    return sorted(name for name, users in views.reactions(chat, user, post).items() if user in users)


def _call(
    device: Device, chat: Chat, kind: str, seq: int, name: str, text: str, *, removed: bool
) -> Coroutine[None, None, Sent]:
    client = device.client
    match kind:
        case "edit":
            return client.edit(chat.id, seq, text)
        case "recall":
            return client.recall(chat.id, seq)
        case "reaction":
            return client.react(chat.id, seq, name, removed=removed)
    return client.pin(chat.id, seq, removed=removed)


def race(walk: Walk, rng: random.Random) -> Act | None:
    """Two devices of one user change the same post at once: the log says who was first."""
    found = place(walk, rng)
    if found is None:
        return None
    user, _, chat = found
    both = [one for one in walk.devices[user] if one.id not in walk.away]
    own = [one.seq for one in views.posts(chat, user) if one.sender == user] if user in chat.places else []
    if len(both) < 2 or not own or rules.write(walk.model, chat, user, "edit", own[-1]):
        return None
    seq, words = own[-1], f"{walk.name(user)} edits {seq_words(chat, own[-1])} on two devices"

    async def run() -> None:
        texts = [walk.word(rng) for _ in both]
        answers = await asyncio.gather(
            *(one.client.edit(chat.id, seq, text) for one, (text, _) in zip(both, texts, strict=True))
        )
        for sent, (text, said) in sorted(zip(answers, texts, strict=True), key=lambda pair: pair[0].seq):
            walk.write(chat, sent, "edit", user, target=seq, body=packed(text_body(text)), words=said)

    return Act(frozenset((chat.id,)), words, run)
