"""What happens to people while they use it: devices go and come, and the mesh is killed."""

import asyncio
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from parley_sdk import Sent
from tests.journeys.people import Device
from tests.walk import checks, rules, shown, views
from tests.walk.model import Chat
from tests.walk.walk import ALL, Act, Walk
from tests.walk.writing import REACTIONS, packed, text_body


def offline(walk: Walk, rng: random.Random) -> Act | None:
    """A device goes away, for long."""
    user = walk.user(rng)
    device = walk.device(user, rng)
    if device is None:
        return None

    async def run() -> None:
        await device.client.disconnect()
        walk.away.add(device.id)

    return Act(frozenset((ALL,)), f"a device of {walk.name(user)} goes", run)


def online(walk: Walk, rng: random.Random) -> Act | None:
    """A device comes back, and must have all that it missed."""
    away = [one for some in walk.devices.values() for one in some if one.id in walk.away]
    if not away:
        return None
    device = rng.choice(away)

    async def run() -> None:
        await come_back(walk, device)
        await shown.caught_up(walk, device)

    return Act(frozenset((ALL,)), f"a device of {walk.name(device.user_id)} comes back", run)


async def come_back(walk: Walk, device: Device) -> None:
    """Connect a device that went away, for long or for a moment."""
    await device.client.connect()
    await device.client.wait_online()
    walk.away.discard(device.id)


def blink(walk: Walk, rng: random.Random) -> Act | None:
    """A device loses its connection for a moment."""
    user = walk.user(rng)
    device = walk.device(user, rng)
    if device is None:
        return None

    async def run() -> None:
        await device.client.disconnect()
        await come_back(walk, device)

    return Act(frozenset((ALL,)), f"a device of {walk.name(user)} blinks", run)


def another(walk: Walk, rng: random.Random) -> Act | None:
    """A user logs in on one more device, which shows all that there is."""
    user = walk.user(rng)
    if len(walk.devices[user]) >= 3:
        return None

    async def run() -> None:
        device = await walk.people.another(walk.devices[user][0])
        walk.devices[user].append(device)
        await shown.caught_up(walk, device)

    return Act(frozenset((ALL,)), f"{walk.name(user)} logs in on one more device", run)


def kill(walk: Walk, rng: random.Random) -> Act | None:
    """The mesh is killed while people write, edit and react, and started anew."""
    mesh = walk.mesh
    if mesh is None:
        return None
    writers = [found for chat in walk.model.chats.values() for found in _writers(walk, chat, rng)]
    delay, count = rng.uniform(0, 0.03), rng.randint(1, 6)

    async def run() -> None:
        written = [_under_way(walk, device, chat, count, rng) for device, chat in writers]
        waiting = [asyncio.gather(*(one.sent for one in some)) for some in written]

        def power_cut() -> None:
            time.sleep(delay)
            mesh.kill()
            mesh.start()

        cut = asyncio.ensure_future(asyncio.to_thread(power_cut))
        try:
            await asyncio.shield(cut)
        finally:
            await cut  # whoever walks next needs a mesh
        walk.model.restarted()
        await walk.reach(one for some in walk.devices.values() for one in some)
        for (device, chat), some, answers in zip(writers, written, waiting, strict=True):
            for sent, one in sorted(zip(await answers, some, strict=True), key=lambda pair: pair[0].seq):
                walk.write(chat, sent, one.kind, device.user_id, **one.told)

    return Act(frozenset((ALL,)), "the mesh is killed", run)


@dataclass(frozen=True)
class Written:
    """Something that is on its way: what it is, and its answer, once there is one."""

    kind: str
    told: dict[str, object]
    sent: Awaitable[Sent]


def _under_way(walk: Walk, device: Device, chat: Chat, count: int, rng: random.Random) -> list[Written]:
    """Texts, and where there is a post of one's own an edit of it and a reaction to it between them."""
    client, user = device.client, device.user_id
    some = []
    for text, said in [walk.word(rng) for _ in range(count)]:
        some.append(Written("post", {"body": packed(text_body(text)), "words": said}, client.send(chat.id, text)))
    own = [one.seq for one in views.posts(chat, user) if one.sender == user] if user in chat.places else []
    if own and not rules.write(walk.model, chat, user, "edit", own[-1]):
        text, said = walk.word(rng)
        told = {"target": own[-1], "body": packed(text_body(text)), "words": said}
        some.insert(rng.randint(0, count), Written("edit", told, client.edit(chat.id, own[-1], text)))
        reaction = {"target": own[-1], "name": REACTIONS[0]}
        some.insert(rng.randint(0, count), Written("reaction", reaction, client.react(chat.id, own[-1], REACTIONS[0])))
    return some


def _writers(walk: Walk, chat: Chat, rng: random.Random) -> list[tuple[Device, Chat]]:
    """One device that may write in this conversation."""
    users = chat.users or tuple(chat.present())
    if not users:
        return []
    user = rng.choice(users)
    device = walk.device(user, rng)
    slow = chat.group is not None and chat.group.slow
    able = device is not None and not slow and not rules.write(walk.model, chat, user, "post")
    return [(device, chat)] if device is not None and able else []


def checkpoint(walk: Walk, rng: random.Random) -> Act | None:
    """Everything is looked at, by every user, on one of their devices; those that are online have all of it."""
    del rng

    async def run() -> None:
        await check(walk)

    return Act(frozenset((ALL,)), "all is looked at", run)


async def check(walk: Walk) -> None:
    """Hold what all users see against the model."""
    for number, user in enumerate(walk.model.users):
        devices = walk.devices[user]
        await checks.everything(walk, user, devices[(len(walk.done) + number) % len(devices)])
        for device in devices:
            if device.id not in walk.away:
                await shown.caught_up(walk, device)


async def end(walk: Walk) -> None:
    """All devices come back, and all is looked at."""
    for device in [one for some in walk.devices.values() for one in some if one.id in walk.away]:
        await come_back(walk, device)
    await check(walk)
