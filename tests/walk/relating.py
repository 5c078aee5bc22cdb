"""Steps between users: friends, blocks and privacy."""

import random

from parley.user.v1 import user_pb2
from parley_sdk import direct_id
from tests.walk.model import EVERYONE, FRIENDS, NOBODY
from tests.walk.walk import ALL, Act, Walk


def befriend(walk: Walk, rng: random.Random) -> Act | None:
    """Ask to be friends, answer such a request, or end a friendship."""
    user, other = rng.sample(walk.model.users, 2)
    model, device = walk.model, walk.any_device(user, rng)
    words = f"{walk.name(user)} and {walk.name(other)} become friends, or cease to be"

    async def run() -> None:
        if model.are_friends(user, other):
            await device.client.friends.delete(other)
            model.friends.discard(frozenset((user, other)))
        elif (other, user) in model.requests and rng.random() < 0.3:
            await device.client.friends.refuse(model.requests.pop((other, user)))
        else:
            await ask()

    async def ask() -> None:
        refusal = "FRIEND_REQUEST_REFUSED" if (other, user) in model.blocked else ""
        refusal = refusal or ("CONTACT_BLOCKED_BY_YOU" if (user, other) in model.blocked else "")
        request = await walk.ask(device.client.friends.request(other), refusal, words)
        if request is None:
            return
        if (other, user) in model.requests:
            del model.requests[other, user]
            model.friends.add(frozenset((user, other)))
        else:
            model.requests[user, other] = request.friend_request_id

    return Act(frozenset((ALL,)), words, run)


def block(walk: Walk, rng: random.Random) -> Act | None:
    """Block someone, or end that. Requests to who blocks are left to other tests."""
    user, other = rng.sample(walk.model.users, 2)
    model, device = walk.model, walk.any_device(user, rng)
    if (other, user) in model.requests:
        return None
    words = f"{walk.name(user)} blocks {walk.name(other)}, or unblocks"

    async def run() -> None:
        if (user, other) in model.blocked:
            await device.client.friends.unblock(other)
            model.blocked.discard((user, other))
        else:
            await device.client.friends.block(other)
            model.blocked.add((user, other))
            model.requests.pop((user, other), None)

    return Act(frozenset((ALL,)), words, run)


def privacy(walk: Walk, rng: random.Random) -> Act | None:
    """Say who may write, who may add one to groups, and whether reading is shown."""
    user = walk.user(rng)
    model, device = walk.model, walk.any_device(user, rng)
    what = rng.choice(["write_to_me", "add_me_to_groups", "hide_read_receipts"])
    audience = rng.choice([EVERYONE, EVERYONE, FRIENDS, NOBODY])
    words = f"{walk.name(user)} sets {what} to {audience}"

    async def run() -> None:
        value = rng.random() < 0.5 if what == "hide_read_receipts" else user_pb2.Audience.ValueType(audience)
        await device.client.settings.change_privacy(**{what: value})
        if what == "write_to_me":
            model.write_to[user] = audience
        elif what == "add_me_to_groups":
            model.add_me[user] = audience
        elif value:
            model.hides_reads.add(user)
        else:
            model.hides_reads.discard(user)

    return Act(frozenset((ALL,)), words, run)


def chats(walk: Walk) -> list[str]:
    """Ids of all direct chats that there can be."""
    users = walk.model.users
    return [direct_id(one, other) for number, one in enumerate(users) for other in users[number + 1 :]]
