"""A broadcast reaches everybody once, whatever happens to those who write it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mesh.clock import FakeClock
from mesh.errors import unavailable
from mesh.ids import Ids
from mesh.settings import Secret
from svc_message.application.administration.broadcast import STEP, Announcing, Writing
from svc_message.application.append import Appender
from svc_message.application.conversations import Conversations
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.administration.broadcast import BroadcastState
from svc_message.domain.conversation import UserId, direct_id
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.people import encode_text
from svc_message.infrastructure.store import Store, open_store
from tests.svc_message.test_writers import Anyone

SYSTEM = UserId("u" + "0" * 15)
USERS = [UserId(f"u{number:015}") for number in range(1, 2 * STEP + 31)]


@dataclass
class People:
    """The users of an installation; `away` after so many questions."""

    users: Sequence[UserId] = field(default_factory=lambda: list(USERS))
    answers: int = 10**6

    async def after(self, user_id: UserId, limit: int) -> list[UserId]:
        if not self.answers:
            raise unavailable("SERVICE_UNAVAILABLE", "away")
        self.answers -= 1
        return [one for one in self.users if one > user_id][:limit]

    async def system(self) -> UserId:
        return SYSTEM


@asynccontextmanager
async def node(path: Path, people: People) -> AsyncIterator[tuple[Store, Announcing, FakeClock]]:
    """A message node that writes broadcasts over this file."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(f"sqlite:{path}", Secret()))
        clock = FakeClock(1_800_000_000_000)
        conversations = Conversations(store.log, store.members, Anyone(), clock)
        appender = Appender(store.log, ProtobufCodec(), conversations, clock, lambda _: None)
        append = ServiceAppend(conversations, appender, store.log, clock)
        writing = Writing(store.broadcasts, people, append, appender, encode_text, lambda: True, clock)
        tasks = [asyncio.create_task(appender.run()), asyncio.create_task(writing.run())]
        try:
            yield store, Announcing(store.broadcasts, writing, Ids(clock), clock), clock
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def written(store: Store) -> list[int]:
    """How many entries each user's chat with the system has."""
    chats = [direct_id(SYSTEM, user) for user in USERS]
    heads = await store.log.heads(chats)
    return [heads[chat] for chat in chats]


async def finished(store: Store, clock: FakeClock) -> None:
    """Let the time pass until nothing goes on."""
    async with asyncio.timeout(30):
        while await store.broadcasts.running():
            clock.advance(1)
            await asyncio.sleep(0.005)


async def test_a_broadcast_goes_on_where_a_node_left_it(tmp_path: Path) -> None:
    """The first node ends after one step; the next one begins behind it, and everybody has it once."""
    path = tmp_path / "message.db"
    async with node(path, People(answers=1)) as (store, announcing, clock):
        await announcing.start("root", "one", "hello all")
        async with asyncio.timeout(30):
            while not (await announcing.latest())[0].written:
                clock.advance(0.1)
                await asyncio.sleep(0.005)
        assert sum(await written(store)) == STEP
    async with node(path, People()) as (store, announcing, clock):
        await finished(store, clock)
        assert await written(store) == [1] * len(USERS)
        [ended] = await announcing.latest()
        assert (ended.state, ended.written) == (BroadcastState.DONE, len(USERS))


async def test_two_nodes_at_once_write_it_once(tmp_path: Path) -> None:
    """Both believe that it is theirs: the numbers of the messages make each of them one."""
    path = tmp_path / "message.db"
    async with (
        node(path, People()) as (store, announcing, clock),
        node(path, People()) as (_, other, other_clock),
    ):
        await announcing.start("root", "one", "hello all")
        again = await other.start("root", "one", "hello all")
        assert [one.broadcast_id for one in await announcing.latest()] == [again.broadcast_id]
        async with asyncio.timeout(30):
            while await store.broadcasts.running():
                clock.advance(0.5)
                other_clock.advance(0.5)
                await asyncio.sleep(0.005)
        assert await written(store) == [1] * len(USERS)


async def test_a_cancelled_broadcast_goes_no_further(tmp_path: Path) -> None:
    """What was written stays; nobody gets it afterwards."""
    async with node(tmp_path / "message.db", People(answers=1)) as (store, announcing, clock):
        begun = await announcing.start("root", "one", "hello all")
        async with asyncio.timeout(30):
            while not (await announcing.latest())[0].written:
                clock.advance(0.1)
                await asyncio.sleep(0.005)
        assert (await announcing.cancel(begun.broadcast_id)).state is BroadcastState.CANCELLED
        clock.advance(100)
        await asyncio.sleep(0.05)
        assert sum(await written(store)) == STEP
