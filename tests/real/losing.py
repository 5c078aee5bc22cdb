"""What the running mesh is made of, taken away and brought back, while people talk through Envoy."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from real import nodes, process, ready
from real.__main__ import servers
from tests.journeys.mesh import ROOMY
from tests.journeys.people import PATIENCE, Device, People

EDGE: Final = os.environ["PARLEY_TEST_EDGE"]
START_S: Final = 90.0
DRAIN_S: Final = 35.0
PACE_S: Final = 0.1
"""Between an ack and the next message of a writer. The store of `make real` reads ever slower the more it has."""


def start(name: str, settings: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
    """Start a node or part, with room for many users on one host, as all of this mesh have."""
    [server] = servers([name])
    more = nodes.given(server.service, {**ROOMY, **(settings or {})}) if isinstance(server, nodes.Node) else {}
    process.start(name, server.command(), {**server.environment(), **more})
    if wait:
        ready.wait(name, server.answers, START_S)


@contextmanager
def lost(name: str, how: Callable[[str], object]) -> Iterator[None]:
    """A node or part that is taken away and comes back."""
    assert process.find(name) is not None, "the mesh of PARLEY_REAL_FOLDER does not run"
    how(name)
    try:
        yield
    finally:
        process.kill(name)
        start(name)


@dataclass
class Talk:
    """What people say to each other without a pause, and when each of it was acked."""

    ways: Sequence[tuple[Device, str]]
    acked: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    is_over: bool = False
    failed: list[BaseException] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def write(self, way: int, run: str) -> None:
        """Let one of them write until it is over. Who is refused for good ends the wait of all."""
        try:
            await self._write(way, run)
        except BaseException as error:
            self.failed.append(error)
            async with self._changed:
                self._changed.notify_all()
            raise

    async def _write(self, way: int, run: str) -> None:
        device, chat = self.ways[way]
        places = self.acked[way] = []
        while not self.is_over:
            sent = await device.client.send(chat, f"{device.username} {run} {way} {len(places)}")
            async with self._changed:
                places.append((time.monotonic(), sent.seq))
                self._changed.notify_all()
            await asyncio.sleep(PACE_S)

    async def more(self, count: int, seconds: float) -> None:
        """Wait until each has so many more acks."""
        wanted = [len(places) + count for places in self.acked.values()]
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(
                lambda: (
                    self.failed
                    or all(len(places) >= many for places, many in zip(self.acked.values(), wanted, strict=True))
                )
            )
        if self.failed:
            raise self.failed[0]

    def pause_s(self, since: float) -> float:
        """The longest time from then on in which one of them had no ack."""
        times = [[since, *(at for at, _ in places if at > since)] for places in self.acked.values()]
        return max(after - before for one in times for before, after in pairwise(one))

    def said(self, chat: str) -> int:
        """How many messages were acked there."""
        return sum(len(self.acked[way]) for way, (_, where) in enumerate(self.ways) if where == chat)


@asynccontextmanager
async def talking(ways: Sequence[tuple[Device, str]], seconds: float) -> AsyncIterator[Talk]:
    """Let them talk meanwhile; at the end the last send of each is acked, within so many seconds."""
    talk, run = Talk(ways), secrets.token_hex(2)
    writing = [asyncio.create_task(talk.write(way, run)) for way in range(len(ways))]
    try:
        await asyncio.sleep(0)
        await talk.more(3, seconds)
        yield talk
        talk.is_over = True
        async with asyncio.timeout(seconds):
            await asyncio.gather(*writing)
    finally:
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
    for places in talk.acked.values():
        seqs = [seq for _, seq in places]
        assert seqs == sorted(set(seqs))


@dataclass(frozen=True, slots=True)
class Crew:
    """Three people on four devices, with a group and a direct chat."""

    ann: Device
    bob: Device
    tablet: Device
    eve: Device
    group: str
    direct: str

    @property
    def ways(self) -> list[tuple[Device, str]]:
        """Who writes where."""
        writers = [(self.ann, self.group), (self.bob, self.group), (self.eve, self.group)]
        return [*writers, (self.ann, self.direct), (self.tablet, self.direct)]

    async def agree(self, talk: Talk, seconds: float = PATIENCE) -> None:
        """See that both logs have each message that was acked once, and that all devices show the same in time."""
        await agree(self.group, (self.ann, self.bob, self.tablet, self.eve), talk.said(self.group), seconds)
        await agree(self.direct, (self.ann, self.bob, self.tablet), talk.said(self.direct), seconds)


async def crew(people: People) -> Crew:
    """Make them."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(bob)
    return Crew(ann, bob, tablet, eve, await people.open_group(ann, bob, eve), ann.chat_with(bob))


async def agree(chat: str, devices: tuple[Device, ...], posts: int, seconds: float) -> None:
    """See that the log has so many posts, and that all devices show it within so many seconds."""
    log = await devices[0].history(chat)
    texts = [entry.content.post.body.text.text for entry in log if entry.content.HasField("post")]
    assert (len(texts), len(set(texts))) == (posts, posts)
    for device in devices:
        await device.until(lambda: log[-1].seq in device.seqs(chat), f"{chat}/{log[-1].seq}", seconds)  # noqa: B023  it is asked in this turn only
        assert device.texts(chat) == texts
