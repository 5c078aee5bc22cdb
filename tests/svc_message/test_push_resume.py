"""What waited to be told is told by somebody, whatever became of the node that was to tell it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from mesh import errors
from mesh.infrastructure.sqlite import Database
from mesh.settings import Secret
from parley.gateway.v1.frame_pb2 import ClientFrame, Mark
from svc_message.app import Settings
from svc_message.application.push import collect as push
from svc_message.application.push import tell
from svc_message.domain.push.marks import PushMark
from svc_message.infrastructure.outside.addresses import PushSettings
from svc_message.infrastructure.sqlite import SCHEMA, SqlitePushMarks
from tests.svc_message.device import direct, post
from tests.svc_message.push_scene import counted, heard, let_go, outcomes, phone
from tests.svc_message.receiver import SECRET, Hook
from tests.svc_message.world import World, eventually, process, world

HOLD_S = 0.15


@asynccontextmanager
async def mesh_with(folder: Path, carrier: Hook, hold_s: float = HOLD_S) -> AsyncIterator[World]:
    """A mesh without any node, which will notify."""
    async with world(folder) as made:
        made.message = Settings(push=pushing(carrier, hold_s), sends_burst=0)
        yield made


def pushing(carrier: Hook, hold_s: float) -> PushSettings:
    """How a node notifies."""
    return PushSettings(carrier.url, Secret(SECRET), hold_seconds=hold_s, pause_seconds=hold_s, retry_seconds=0.01)


@asynccontextmanager
async def node(mesh: World, number: int, *services: str) -> AsyncIterator[None]:
    """A process of the mesh, which is the one that is called."""
    mesh.readers[:] = [InMemoryMetricReader()]
    async with process(mesh, *services, number=number) as address, AsyncExitStack() as stack:
        mesh.stack = stack
        mesh.connect(address)
        yield


@asynccontextmanager
async def marks(mesh: World) -> AsyncIterator[SqlitePushMarks]:
    """What the store of a mesh has of its nodes."""
    async with Database(mesh.database, SCHEMA) as database:
        yield SqlitePushMarks(database)


async def test_another_node_goes_on_for_one_that_is_gone(tmp_path: Path, carrier: Hook) -> None:
    """What waited at a node that has ended is told by another one, once, and the place that it had is forgotten."""
    async with mesh_with(tmp_path, carrier) as mesh:
        bob = phone(mesh, "Bob")
        mesh.message = Settings(push=pushing(carrier, 60.0), sends_burst=0)
        async with node(mesh, 1, "message", "gateway"):
            ann = await phone(mesh, "Ann").connect()
            await ann.post(direct(ann, bob), "are you there?")
            await ann.leave()
        assert carrier.tried == []
        mesh.message = Settings(push=pushing(carrier, HOLD_S), sends_burst=0)
        async with node(mesh, 2, "message", "gateway"):
            await carrier.until(lambda: carrier.bodies)
            await eventually(partial(has_marks_of, mesh, "message-2"))
        assert [one["text"] for one in carrier.tried] == ["are you there?"]


async def has_marks_of(mesh: World, *nodes: str) -> bool:
    """Whether these nodes, and no others, have a mark."""
    async with marks(mesh) as kept:
        return set(await kept.all()) == set(nodes)


async def test_what_another_one_has_told_is_not_told_again(tmp_path: Path, carrier: Hook) -> None:
    """Who goes on reads what was told from the store: a node that ended before its mark rose has told it."""
    async with mesh_with(tmp_path, carrier) as mesh:
        bob, eve = phone(mesh, "Bob"), phone(mesh, "Eve")
        async with node(mesh, 1, "message", "gateway"):
            ann = await phone(mesh, "Ann").connect()
            await ann.post(direct(ann, bob), "first")
            await carrier.until(lambda: carrier.bodies)
            await eventually(partial(told_of, mesh, bob.user_id, direct(ann, bob)))
            await ann.leave()
        async with marks(mesh) as kept:  # as if it had been killed before its mark rose
            await kept.save("message-1", PushMark(0, mesh.clock.now_ms()), {})
        async with node(mesh, 2, "message", "gateway"):
            ann = await phone(mesh, "Ann").connect()
            await counted(mesh, "told before")
            await ann.post(direct(ann, eve), "second")
            await carrier.until(lambda: len(carrier.bodies) == 2)
        assert [one["text"] for one in carrier.tried] == ["first", "second"]


async def test_what_a_device_has_received_is_not_told_again(tmp_path: Path, carrier: Hook) -> None:
    """Who was there when a node ended, has it and is away since is not told; who was away is."""
    async with mesh_with(tmp_path, carrier, 60.0) as mesh:
        bob, eve = phone(mesh, "Bob"), phone(mesh, "Eve")
        async with node(mesh, 1, "message", "gateway"):
            ann = await phone(mesh, "Ann").connect()
            await bob.connect()
            seq = await ann.post(direct(ann, bob), "for bob")
            await ann.post(direct(ann, eve), "for eve")
            await bob.entry(direct(ann, bob), seq)
            await bob.say(ClientFrame(received=[Mark(conversation_id=direct(ann, bob), seq=seq)]))
            await eventually(partial(heard, ann, direct(ann, bob), bob.user_id, seq))
            await bob.leave()
            await ann.leave()
        mesh.message = Settings(push=pushing(carrier, HOLD_S), sends_burst=0)
        async with node(mesh, 1, "message", "gateway"):
            await carrier.until(lambda: carrier.bodies)
            ann = await phone(mesh, "Ann").connect()
            await ann.post(direct(ann, bob), "later")
            await carrier.until(lambda: len(carrier.bodies) == 2)
        assert [one["text"] for one in carrier.tried] == ["for eve", "later"]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, PushMark]]:
    """What nodes have found when they looked how far all have come; it grows when a look has ended."""
    read, found = SqlitePushMarks.all, list[Mapping[str, PushMark]]()

    async def look(marks: SqlitePushMarks) -> dict[str, PushMark]:
        found.append(seen := await read(marks))
        return seen

    monkeypatch.setattr(SqlitePushMarks, "all", look)
    return found


async def test_a_node_that_still_moves_is_not_gone(
    tmp_path: Path, carrier: Hook, looks: list[Mapping[str, PushMark]]
) -> None:
    """One that the registry does not know, but whose mark changes, is left alone until it stays as it is."""
    async with mesh_with(tmp_path, carrier, 10.0) as mesh, marks(mesh) as ghost, node(mesh, 1, "message", "gateway"):
        ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
        await ann.post(direct(ann, bob), "hello")
        await let_go(mesh, lambda: carrier.bodies)
        await eventually(partial(told_of, mesh, bob.user_id, direct(ann, bob)))
        await next_look(mesh, looks)
        for moment in range(4):
            await ghost.save("message-9", PushMark(0, mesh.clock.now_ms() + moment), {})
            await next_look(mesh, looks)
        assert outcomes(mesh).keys() == {"carried"}
        await let_go(mesh, lambda: outcomes(mesh).get("told before"))
        await eventually(partial(has_marks_later, mesh, "message-1"))


async def next_look(mesh: World, looks: list[Mapping[str, PushMark]]) -> None:
    """Let the time pass until a node has looked once more; then none does before more of it has passed."""
    before = len(looks)
    await let_go(mesh, lambda: len(looks) > before, 5.0)


async def has_marks_later(mesh: World, *nodes: str) -> bool:
    """Whether these nodes, and no others, have a mark, some time later."""
    mesh.clock.advance(10.0)
    return await has_marks_of(mesh, *nodes)


async def told_of(mesh: World, user_id: str, subject: str) -> bool:
    """Whether it is kept that somebody was told of something."""
    async with Database(mesh.database, SCHEMA) as database:
        sql = "SELECT count(*) FROM push_told WHERE user = ? AND subject = ?"
        row = await database.read(lambda connection: connection.execute(sql, (user_id, subject)).fetchone())
    return bool(row[0])


async def test_what_there_was_no_room_for_is_read_from_the_log(tmp_path: Path, carrier: Hook) -> None:
    """Of more conversations than may wait, and more users than may be told at once, each is told once."""
    with mock.patch.object(push, "MAX_CONVERSATIONS", 2), mock.patch.object(tell, "MAX_WAITING", 4):
        async with mesh_with(tmp_path, carrier) as mesh, node(mesh, 1, "message", "gateway"):
            ann, others = await phone(mesh, "Ann").connect(), [phone(mesh, f"P{number}") for number in range(6)]
            await ann.seqs(*(post(direct(ann, other)) for other in others))
            await carrier.until(lambda: len(carrier.bodies) == len(others))
            assert {one["userId"] for one in carrier.tried} == {other.user_id for other in others}
            assert "dropped" not in outcomes(mesh)


async def test_more_users_than_may_wait_while_the_carrier_hangs_are_all_told(tmp_path: Path, carrier: Hook) -> None:
    """Who found no room in the queue is found in the log when there is some again."""
    with mock.patch.object(tell, "MAX_WAITING", 4):
        async with mesh_with(tmp_path, carrier) as mesh, node(mesh, 1, "message", "gateway"):
            ann, others = await phone(mesh, "Ann").connect(), [phone(mesh, f"P{number}") for number in range(30)]
            carrier.answering.clear()
            await ann.seqs(*(post(direct(ann, other)) for other in others))
            async with asyncio.timeout(30):
                while len(set(mesh.directory.targets_asked)) < len(others):  # noqa: ASYNC110 - a list tells nobody
                    await asyncio.sleep(0.01)
            assert len(carrier.tried) <= tell.TELLERS
            carrier.answering.set()
            await carrier.until(lambda: len(carrier.bodies) == len(others))
            assert {one["userId"] for one in carrier.tried} == {other.user_id for other in others}
            assert "dropped" not in outcomes(mesh)


async def test_while_nobody_knows_who_is_away_it_waits(tmp_path: Path, carrier: Hook) -> None:
    """What comes while the key-value is away is told when it is back, to those who are away then."""
    async with mesh_with(tmp_path, carrier) as mesh, node(mesh, 1, "message", "gateway"):
        ann, bob, eve = await phone(mesh, "Ann").connect(), phone(mesh, "Bob"), await phone(mesh, "Eve").connect()
        away = errors.unavailable("STORE_UNAVAILABLE", "away")
        with mock.patch.object(mesh.backends.kv, "read", side_effect=away) as asked:
            await ann.seqs(post(direct(ann, bob), "for bob"), post(direct(ann, eve), "for eve"))
            await asyncio.wait_for(asked_often(asked), 30)
            assert carrier.tried == []
        await carrier.until(lambda: carrier.bodies)
        await counted(mesh, "online")
        assert [one["text"] for one in carrier.tried] == ["for bob"]


async def asked_often(asked: mock.Mock) -> None:
    """Wait until the routes were asked for by the deliverer, and by who wants to tell."""
    while asked.call_count < 4:  # noqa: ASYNC110 - a mock tells nobody
        await asyncio.sleep(0.02)


async def test_what_is_old_is_told_without_a_sound_or_not_at_all(tmp_path: Path, carrier: Hook) -> None:
    """After an outage of a quarter of an hour nobody's phone rings, and after one of days nobody is told."""
    async with mesh_with(tmp_path, carrier, 60.0) as mesh:
        bob = phone(mesh, "Bob")
        for minutes in (2 * 24 * 60, 15):
            async with node(mesh, 1, "message", "gateway"):
                ann = await phone(mesh, "Ann").connect()
                await ann.post(direct(ann, bob), f"{minutes} minutes")
                await ann.leave()
            mesh.clock.advance(60 * minutes)
        mesh.message = Settings(push=pushing(carrier, HOLD_S), sends_burst=0)
        async with node(mesh, 1, "message", "gateway"):
            await carrier.until(lambda: carrier.bodies)
        assert [(one["text"], one["silent"]) for one in carrier.tried] == [("15 minutes", True)]
