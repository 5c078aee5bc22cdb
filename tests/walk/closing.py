"""Steps about groups: they are closed by an administrator and opened again, and ended."""

import asyncio
import random

from parley.message.v1 import notice_pb2
from tests.walk import rules
from tests.walk.grouping import settle, some_of
from tests.walk.walk import Act, Walk
from tests.walk.wire import left


async def appoint(walk: Walk) -> None:
    """Make an administrator, where the mesh is the walk's own."""
    if walk.mesh is None:
        return
    device = await walk.people.user("operator")
    await asyncio.to_thread(walk.mesh.appoint, device.username)
    walk.operator = await walk.people.another(device, address=walk.mesh.operators)


def suspend(walk: Walk, rng: random.Random) -> Act | None:
    """Close a group until it is restored, or restore one. The same again is no error."""
    operator, groups = walk.operator, walk.model.groups()
    if operator is None or not groups:
        return None
    closed = [chat for chat in groups if chat.group is not None and chat.group.suspended]
    chat = rng.choice(closed if closed and rng.random() < 0.7 else groups)
    group, moderation = chat.group, operator.client.administration.moderation
    assert group is not None
    close = not group.suspended if rng.random() < 0.9 else group.suspended
    words = f"the operator {'suspends' if close else 'restores'} {chat.id}"

    async def run() -> None:
        call = (moderation.suspend_group if close else moderation.restore_group)(chat.id, "a walk")
        refusal = "GROUP_DISSOLVED" if group.dissolved else ""
        await walk.ask(call, refusal, words)
        if not refusal and group.suspended is not close:
            group.suspended = close
            chat.append("group", "", told=frozenset({("suspended", close)}))
            await settle(walk, chat)

    return Act(frozenset((chat.id,)), words, run)


def dissolve(walk: Walk, rng: random.Random) -> Act | None:
    """End a group, mostly as its owner."""
    some = some_of(walk, rng)
    if some is None or some[2].group is None:
        return None
    user, device, chat = some
    group = some[2].group
    if rng.random() < 0.6:
        user = chat.owner()
        device = walk.any_device(user, rng)
    words = f"{walk.name(user)} dissolves {chat.id}"

    async def run() -> None:
        refusal = rules.dissolve(chat, user)
        await walk.ask(device.client.groups.dissolve(chat.id), refusal, words)
        if refusal or group.dissolved:
            return
        going = chat.present()
        entry = chat.append("membership", user, told=left(notice_pb2.MembershipChange.CAUSE_DISSOLVED, *going))
        for one in going:
            chat.places[one].left = entry.seq
        group.dissolved = True
        await settle(walk, chat)

    return Act(frozenset((chat.id,)), words, run)
