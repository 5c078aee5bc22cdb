"""Walks: made from a seed, told on a mesh, and shortened when they fail."""

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from parley_sdk import ParleyError
from tests.journeys.mesh import Mesh
from tests.journeys.people import People
from tests.walk import closing, governing, grouping, happening, owning, relating, sending, waiting, writing
from tests.walk.model import INVITED, OPEN, Chat
from tests.walk.walk import Act, Step, Walk

Choose = Callable[[Walk, random.Random], Act | None]

NAMES: Final = ("ann", "bob", "eve", "joe")

KINDS: Final[Mapping[str, tuple[int, Choose]]] = {
    "plain": (12, writing.plain),
    "post": (10, writing.post),
    "edit": (8, partial(writing.amend, "edit")),
    "recall": (4, partial(writing.amend, "recall")),
    "react": (12, partial(writing.amend, "reaction")),
    "pin_anew": (2, sending.pin_anew),
    "pin": (6, partial(writing.amend, "pin")),
    "race": (2, writing.race),
    "repeat": (3, sending.repeat),
    "forward": (2, sending.forward),
    "burn": (1, sending.burn),
    "typing": (1, sending.typing),
    "outbox": (1, sending.outbox),
    "read": (6, owning.read),
    "settings": (6, owning.settings),
    "settings_race": (1, owning.settings_race),
    "hide": (3, owning.hide),
    "delete": (2, owning.delete),
    "retention": (1, owning.retention),
    "schedule": (1, owning.schedule),
    "schedule_later": (1, owning.schedule_later),
    "search": (2, owning.search),
    "look": (6, owning.look),
    "found": (1, grouping.found),
    "invite": (3, grouping.invite),
    "join": (4, grouping.join),
    "link": (1, grouping.make_link),
    "leave": (1, grouping.leave),
    "answer": (3, waiting.answer),
    "decline": (1, waiting.decline),
    "kick": (2, grouping.kick),
    "unban": (1, grouping.unban),
    "mute": (3, governing.mute),
    "appoint": (2, governing.appoint),
    "nickname": (1, governing.nickname),
    "group": (3, governing.edit),
    "suspend": (2, closing.suspend),
    "dissolve": (1, closing.dissolve),
    "befriend": (2, relating.befriend),
    "block": (2, relating.block),
    "privacy": (2, relating.privacy),
    "offline": (2, happening.offline),
    "online": (3, happening.online),
    "blink": (1, happening.blink),
    "another": (1, happening.another),
    "kill": (1, happening.kill),
    "check": (1, happening.checkpoint),
}
"""All kinds of steps, how often each is taken, and how it is chosen."""


@dataclass(frozen=True)
class Failure:
    """A walk that did not come to its end."""

    steps: Sequence[Step]
    error: str
    done: Sequence[str]


def plan(seed: int, count: int) -> list[Step]:
    """The steps of a seed."""
    rng = random.Random(seed)
    weights = [weight for weight, _ in KINDS.values()]
    kinds = rng.choices(list(KINDS), weights, k=count)
    return [Step(kind, rng.getrandbits(48)) for kind in kinds]


def prepare(walk: Walk, step: Step) -> Act | None:
    """Choose what a step is here and now; None when there is nothing to do."""
    return KINDS[step.kind][1](walk, random.Random(step.pick))


async def tell(address: str, mesh: Mesh | None, steps: Sequence[Step]) -> Failure | None:
    """Take the steps with new users, and look at everything at the end."""
    with tempfile.TemporaryDirectory() as folder:
        async with People(address, Path(folder)) as people:
            walk = Walk(people, mesh)
            try:
                await _settle_in(walk)
                await walk.take(steps, prepare)
                await happening.end(walk)
            except (AssertionError, ParleyError) as error:
                return Failure(steps, walk.named(str(error)), [walk.named(one) for one in walk.done])
    return None


async def _settle_in(walk: Walk) -> None:
    """Make the users, with two devices for most, their chats, and two groups."""
    for device in await walk.people.users(*NAMES):
        walk.model.users.append(device.user_id)
        walk.devices[device.user_id] = [device]
    for user in walk.model.users[:3]:
        walk.devices[user].append(await walk.people.another(walk.devices[user][0]))
    walk.model.chats = {id_: Chat(id_, users=tuple(id_.split("-"))) for id_ in relating.chats(walk)}
    ann, bob, *_ = walk.model.users
    await walk.people.befriend(walk.devices[ann][0], walk.devices[bob][0])
    walk.model.friends.add(frozenset((ann, bob)))
    await grouping.create(walk, ann, OPEN, history_all=True)
    await grouping.create(walk, bob, INVITED, history_all=False)
    await closing.appoint(walk)


async def shorten(address: str, mesh: Mesh | None, failure: Failure, tries: int) -> Failure:
    """Leave steps out as long as it still fails, halves first."""
    size = max(1, len(failure.steps) // 2)
    while tries and size:
        start = 0
        while start < len(failure.steps) and tries:
            fewer = [*failure.steps[:start], *failure.steps[start + size :]]
            tries -= 1
            shorter = await tell(address, mesh, fewer)
            if shorter is None:
                start += size
            else:
                failure = shorter
        size //= 2
    return failure


def words_of(seed: int, failure: Failure) -> str:
    """What a failure tells."""
    steps = " ".join(str(step) for step in failure.steps)
    acts = "\n".join(f"  {one}" for one in failure.done)
    return f"seed {seed}, {len(failure.steps)} steps\n{acts}\n{failure.error}\nagain: --steps '{steps}'"


def parsed(steps: str) -> list[Step]:
    """Steps as a failure tells them."""
    pairs = (one.split(":") for one in steps.split())
    return [Step(kind, int(pick)) for kind, pick in pairs]
