"""A walk under way: its people and their devices, the model of what is true, and acts on their way."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from parley.media.v1 import media_pb2
from parley_sdk import Code, ParleyError, Sent
from tests.journeys.mesh import Mesh
from tests.journeys.people import Device, People, patiently
from tests.walk import recorded
from tests.walk.model import Chat, Entry, Model

T = TypeVar("T")

WORDS: Final = ("tango", "sierra", "whisky", "quebec")
"""What people talk of, and look for: none begins another one."""

PATIENCE: Final = 30.0
"""Seconds after which what must happen counts as not happening."""

AT_ONCE: Final = 4
"""Acts on their way at a time."""

ALL: Final = "all"
"""The key of an act that stands alone."""


class DisagreementError(AssertionError):
    """The server says otherwise than the model."""


@dataclass(frozen=True)
class Step:
    """A kind of act, and the number from which it chooses who, where and what."""

    kind: str
    pick: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.pick}"


@dataclass(frozen=True)
class Act:
    """What a step is here and now. Acts that share no key may be on their way together."""

    keys: frozenset[str]
    words: str
    run: Callable[[], Awaitable[None]]


@dataclass
class Walk:
    """All that one walk has."""

    people: People
    mesh: Mesh | None
    """To be killed; None: it is somebody else's."""
    operator: Device | None = None
    """An administrator, where the walk can make one."""
    model: Model = field(default_factory=Model)
    devices: dict[str, list[Device]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    """Devices that are disconnected."""
    media: dict[str, media_pb2.Media] = field(default_factory=dict)
    sent: dict[tuple[str, int], tuple[Device, bytes, Sent]] = field(default_factory=dict)
    """Posts by place, for those who send them again: by which device, what, and the answer."""
    done: list[str] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    rising: dict[tuple[str, str], int] = field(default_factory=dict)
    """The largest version of settings that was seen."""

    # Who and where.

    def user(self, rng: random.Random, among: Sequence[str] = ()) -> str:
        """Someone."""
        return rng.choice(list(among) or self.model.users)

    def name(self, user: str) -> str:
        """How a failure calls a user."""
        return self.devices[user][0].username.partition(".")[0]

    def named(self, words: str) -> str:
        """The same with names in place of ids."""
        for user in self.devices:
            words = words.replace(user, self.name(user))
        for number, chat in enumerate(self.model.groups()):
            words = words.replace(chat.id, f"group{number}")
        return words

    def device(self, user: str, rng: random.Random) -> Device | None:
        """A device of the user that is online."""
        online = [one for one in self.devices[user] if one.id not in self.away]
        return rng.choice(online) if online else None

    def any_device(self, user: str, rng: random.Random) -> Device:
        """A device of the user; calls need no stream."""
        return rng.choice(self.devices[user])

    def word(self, rng: random.Random) -> tuple[str, frozenset[str]]:
        """A text that nobody said before, and the words in it that people look for."""
        words = rng.sample(WORDS, rng.randint(1, 2))
        return f"{next(self.numbers)} {' '.join(words)}", frozenset(words)

    async def file_of(self, device: Device, kind: str = "image") -> media_pb2.Media:
        """A picture that this user has uploaded, a recording, a voice message of a phone, or a video."""
        key = f"{device.user_id} {kind}"
        if key not in self.media:
            name, data = recorded.small(kind, seed=len(self.media))
            self.media[key] = await device.client.media.upload(data, name=name)
        return self.media[key]

    # Asking and waiting.

    async def ask(self, call: Awaitable[T], refusal: str, words: str) -> T | None:
        """Wait for an answer: it must be the refusal that the model names, or none. Return what was answered."""
        try:
            answer = await call
        except ParleyError as error:
            if error.reason != refusal or not refusal:
                raise DisagreementError(f"{words}: the model says {refusal or 'yes'}, the server {error}") from None
            return None
        if refusal:
            raise DisagreementError(f"{words}: the model says {refusal}, the server yes: {answer}")
        return answer

    def same(self, what: str, model: object, server: object) -> None:
        """Hold what the server says against the model."""
        if model != server:
            raise DisagreementError(f"{what}\n  model:  {model}\n  server: {server}")

    def holds(self, what: str, so: bool) -> None:  # noqa: FBT001 - a condition
        """Hold the server to something."""
        if not so:
            raise DisagreementError(f"not so: {what}")

    async def log_reaches(self, chat: Chat, user: str) -> None:
        """Wait until a member sees as many entries as the model has: services write them a moment later."""
        client, until = self.devices[user][0].client, time.monotonic() + PATIENCE
        while True:
            head = (await patiently(lambda: client.conversations.get(chat.id))).head_seq
            if head == chat.head:
                return
            if head > chat.head or time.monotonic() > until:
                raise DisagreementError(f"{chat.id} has {head} entries, the model {chat.head}")
            await asyncio.sleep(0.005)

    async def told(self, user: str, seen: Callable[[], object], what: str) -> None:
        """Wait until one of the user's devices that are online has seen something."""
        online = [one for one in self.devices[user] if one.id not in self.away]
        if online:
            await online[0].until(seen, what, PATIENCE)

    def write(self, chat: Chat, sent: Sent, kind: str, sender: str, **told: object) -> Entry:
        """Take an accepted write into the model: it must stand at the next place."""
        if sent.seq != chat.head + 1:
            raise DisagreementError(f"{kind} stands at {sent.seq} of {chat.id}, the model says {chat.head + 1}")
        entry = chat.append(kind, sender, **told)
        entry.at_ms = sent.sent_at_ms
        return entry

    # Steps.

    async def take(self, steps: Iterable[Step], prepare: Callable[["Walk", Step], Act | None]) -> None:
        """Do the steps, several at once where they have nothing to do with each other."""
        running: dict[asyncio.Task[None], Act] = {}
        try:
            for step in steps:
                act = prepare(self, step)
                while act is not None and (_meets(act, running.values()) or len(running) >= AT_ONCE):
                    await self._some(running)
                    act = prepare(self, step)
                if act is not None:
                    self.done.append(f"{step} {act.words}")
                    running[asyncio.create_task(self._run(act))] = act
            while running:
                await self._some(running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, act: Act) -> None:
        try:
            async with asyncio.timeout(5 * PATIENCE):
                await act.run()
        except TimeoutError:
            raise DisagreementError(f"{act.words}: no answer") from None
        except ParleyError as error:
            raise DisagreementError(f"{act.words}: {error}") from error

    async def _some(self, running: dict[asyncio.Task[None], Act]) -> None:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del running[task]
        for task in done:
            task.result()

    async def reach(self, devices: Iterable[Device]) -> None:
        """Wait until these clients have found the mesh again after it was away."""
        for device in devices:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        await device.client.users.get()
                        break
                    except ParleyError as error:
                        if error.code is not Code.UNAVAILABLE:
                            raise
            if device.id not in self.away:
                await device.client.wait_online()


def _meets(act: Act, others: Iterable[Act]) -> bool:
    return any(ALL in act.keys or ALL in other.keys or act.keys & other.keys for other in others)
