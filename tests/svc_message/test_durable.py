"""C1: an ack means that the message is on the disk, and nothing else does."""

import resource
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mesh.errors import Code
from parley.log.v1.log_service_pb2 import Append, AppendRequest
from parley.message.v1.entry_pb2 import Content, Post
from tests.mesh import sqlite_file
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post, send, text
from tests.svc_message.world import World, mesh_of_one, process, refusal, world

unmoved = sqlite_file.unmoved


@pytest.fixture
async def mesh(tmp_path: Path, unmoved: None) -> AsyncIterator[World]:
    """Two services at work, whose log stays as long as it is: only so a disk can be full behind it."""
    async with mesh_of_one(tmp_path) as made:
        yield made


def rows(database: Path) -> list[tuple[int, int]]:
    """Places in the store, each as conversation and seq."""
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT conversation, seq FROM entry ORDER BY 1, 2").fetchall()
    connection.close()
    return found


def crash_copy(database: Path, folder: Path) -> Path:
    """What a process that is killed now leaves behind: the files as they are, nothing closed or flushed."""
    folder.mkdir()
    for file in database.parent.glob(f"{database.name}*"):
        shutil.copy(file, folder / file.name)
    return folder / database.name


@contextmanager
def full_disk(database: Path) -> Iterator[None]:
    """Files cannot grow: the kernel refuses writes behind the present end of the write-ahead log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = Path(f"{database}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_what_was_acked_survives_the_process(mesh: World, tmp_path: Path) -> None:
    """Everything acked is in the files of a process that dies without a word, and seqs go on behind it."""
    ann = await new_device(mesh).connect()
    bob = new_device(mesh)
    chat = direct(ann, bob)
    sends = [post(chat, str(number)) for number in range(40)]
    assert await ann.seqs(*sends) == list(range(1, 41))
    left = crash_copy(mesh.database, tmp_path / "left")
    assert [seq for _, seq in rows(left)] == list(range(1, 41))
    async with mesh_of_one(left.parent) as again:
        same = await Device(again, ann.user_id, ann.device_id, ann.session_id).connect()
        assert await same.seqs(post(chat, "new")) == [41]
        results = await same.results(*sends)
        assert [(result.seq, result.duplicate) for result in results] == [(n, True) for n in range(1, 41)]
        assert await same.refused(post(chat, "other", sends[0].client_message_id)) == "MESSAGE_ID_CONFLICT"


async def test_membership_and_receipts_survive_the_process(tmp_path: Path) -> None:
    """What entries and marks changed is read back: members, roles, mutes, how far one has read."""
    async with world(tmp_path) as made:
        async with process(made, "message", "gateway") as address:
            made.connect(address)
            ann, bob, eve = (new_device(made) for _ in range(3))
            team = await groups.make(made, ann, bob, eve)
            await groups.update(made, team, bob, muted_until_ms=made.clock.now_ms() + 60_000)
            await groups.kick(made, team, eve)
            assert await ann.mark_read(team, 2) == 2
        async with process(made, "message", "gateway") as address:
            made.connect(address)
            for device in (ann, bob, eve):
                await device.connect()
            assert await bob.refused(post(team)) == "MUTED"
            assert await eve.refused(post(team)) == "CONVERSATION_NOT_FOUND"
            assert await ann.seqs(post(team, mentions_all=True)) == [4]
            assert await ann.mark_read(team, 1) == 2
            for device in (ann, bob, eve):
                await device.leave()


async def test_a_full_disk_refuses_and_heals(mesh: World) -> None:
    """While the store cannot write, sends are refused with STORE_UNAVAILABLE and never acked; reads go on."""
    ann = await new_device(mesh).connect()
    chat = direct(ann, new_device(mesh))
    await ann.post(chat, "before")
    some = [post(chat, str(number)) for number in range(50)]
    with full_disk(mesh.database):
        results = await ann.results(*some)
        assert {(r.seq, r.error.reason, r.error.code) for r in results} == {
            (0, "STORE_UNAVAILABLE", int(Code.UNAVAILABLE))
        }
        assert [e.seq for e in (await ann.history(chat)).entries] == [1]
        assert (await refusal(ann.mark_read(chat, 1))).reason == "STORE_UNAVAILABLE"
    assert await ann.seqs(*some) == list(range(2, 52))
    assert await ann.mark_read(chat, 51) == 51


async def test_a_commit_that_failed_leaves_no_trace(mesh: World) -> None:
    """A conversation whose first entry was undone never shares its place in the store with another one."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    await ann.post(direct(ann, bob))
    lost, other = direct(ann, eve), direct(bob, eve)
    with full_disk(mesh.database):
        assert await ann.refused(post(lost, "secret of ann", 77)) == "STORE_UNAVAILABLE"
    assert await bob.seqs(post(other, "secret of bob")) == [1]
    assert await ann.seqs(post(lost, "secret of ann", 77)) == [1]
    for device, chat, body in ((ann, lost, "secret of ann"), (bob, other, "secret of bob")):
        entries = (await device.history(chat)).entries
        assert [(e.conversation_id, e.content.post.body.text.text) for e in entries] == [(chat, body)]
    assert {p.conversation_id for p in (await eve.resume()).states} == {lost, other}


async def test_a_store_that_reached_its_size_refuses_and_recovers(mesh: World) -> None:
    """A batch that does not fit is refused whole with a typed error; a batch that fits is taken before and after."""
    ann = await new_device(mesh).connect()
    chat = direct(ann, new_device(mesh))
    await ann.post(chat, "before")
    large = post(chat, "x" * 16_000)
    with full_disk(mesh.database):
        assert await ann.refused(large) == "STORE_UNAVAILABLE"
    assert await ann.seqs(large) == [2]


async def test_services_append_once(mesh: World) -> None:
    """The same number of the same service is one entry; another service has numbers of its own."""
    ann = await new_device(mesh).connect()
    team = await groups.make(mesh, ann)
    content = Content(post=Post(body=text("from a service")))
    one = await groups.append(mesh, team, content, number=5)
    two = await groups.append(mesh, team, content, number=5)
    assert (one.seq, one.duplicate, two.seq, two.duplicate) == (2, False, 2, True)
    request = AppendRequest(appends=[Append(conversation_id=team, client_message_id=5, content=content)])
    assert (await mesh.as_service(mesh.logs.Append, request, "ai")).places[0].seq == 3
    other = Content(post=Post(body=text("other")))
    assert (await refusal(groups.append(mesh, team, other, number=5))).reason == "MESSAGE_ID_CONFLICT"


async def test_a_repeated_append_of_many_keeps_its_places(mesh: World) -> None:
    """A service that sends a request again, with more in it, gets the first places and then new ones."""
    ann = await new_device(mesh).connect()
    content = Content(post=Post(body=text("x")))
    appends = [Append(conversation_id=ann.user_id, client_message_id=n, content=content) for n in range(1, 9)]
    first = await mesh.as_service(mesh.logs.Append, AppendRequest(appends=appends[:5]))
    again = await mesh.as_service(mesh.logs.Append, AppendRequest(appends=appends))
    assert [place.seq for place in first.places] == [1, 2, 3, 4, 5]
    assert [(p.seq, p.duplicate) for p in again.places] == [(n, n <= 5) for n in range(1, 9)]
    assert [(await ann.entry(ann.user_id, seq)).seq for seq in range(1, 9)] == list(range(1, 9))


async def test_personal_logs_are_written_by_services_alone(mesh: World) -> None:
    """A device cannot write to a personal log, not even to its own user's."""
    ann = await new_device(mesh).connect()
    note = Content(post=Post(body=text("x")))
    await groups.append(mesh, ann.user_id, note)
    assert await ann.refused(send(ann.user_id, note)) == "CONVERSATION_NOT_FOUND"
    assert await ann.refused(send(mesh.ids.new("u"), note)) == "CONVERSATION_NOT_FOUND"
