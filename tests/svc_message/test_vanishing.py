"""Posts that destroy themselves."""

import sqlite3
from pathlib import Path

from parley.message.v1.entry_pb2 import Content, Recall
from tests.svc_message import groups
from tests.svc_message.device import direct, edit, new_device, recall, send
from tests.svc_message.timed import DAY, MINUTE, kinds, nothing_expires, vanishing
from tests.svc_message.world import World, eventually, mesh_of_one


async def test_a_post_destroys_itself_after_the_other_one_has_read_it(mesh: World) -> None:
    """Not before it is read, nor before its time; then its words and those of its edits are gone from the store."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    [seq] = await ann.seqs(vanishing(chat, "swordfish", 30))
    await ann.seqs(edit(chat, seq, "swordfish too"))
    await ann.mark_read(chat, seq)
    mesh.clock.advance(MINUTE)
    for _ in range(10):
        assert await kinds(bob, chat) == {1: "post", 2: "edit"}
        mesh.clock.advance(0.5)
    await bob.mark_read(chat, seq)
    mesh.clock.advance(1.1)
    await eventually(lambda: _begun(mesh))
    mesh.clock.advance(31)
    entry = await bob.entry(chat, 3)
    assert entry.content == Content(recall=Recall(target_seq=seq, expired=True))
    assert entry.sender_id == ""
    assert await kinds(ann, chat) == {1: "tombstone", 2: "tombstone", 3: "recall"}
    assert "swordfish" not in str(await bob.history(chat))
    late = await ann.results(edit(chat, seq, "again"))
    assert late[0].error.reason == "ALREADY_RECALLED"
    mesh.clock.advance(5)
    with sqlite3.connect(mesh.database) as store:
        assert store.execute("SELECT count(*) FROM entry WHERE body LIKE '%swordfish%'").fetchone() == (0,)


async def _begun(mesh: World) -> bool:
    with sqlite3.connect(mesh.database) as store:
        return bool(store.execute("SELECT min(due_at_ms) FROM expiring").fetchone()[0])


async def test_in_groups_the_time_begins_with_the_sending(tmp_path: Path) -> None:
    """A post in a group goes after its time though nobody read it, also when its node was started again meanwhile."""
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        group = await groups.make(made, ann, bob)
        own = f"{ann.user_id}-{ann.user_id}"
        [seq] = await ann.seqs(vanishing(group, "gone", 30))
        [note] = await ann.seqs(vanishing(own, "note", 30))
        await ann.post(group, "stays")
    async with mesh_of_one(tmp_path) as made:
        reader = await new_device(made, ann.user_id).connect()
        made.clock.advance(40)
        await reader.entry(group, 4)
        await reader.entry(own, note + 1)
        assert await kinds(reader, group) == {1: "membership", seq: "tombstone", 3: "post", 4: "recall"}


async def test_a_post_that_was_taken_back_is_not_destroyed_again(mesh: World) -> None:
    """A recall before its time is the end of it: there is no second one."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    group = await groups.make(mesh, ann, bob)
    [seq] = await ann.seqs(vanishing(group, "gone", 30))
    await ann.seqs(recall(group, seq))
    mesh.clock.advance(40)
    await eventually(lambda: nothing_expires(mesh))
    assert await kinds(bob, group) == {1: "membership", 2: "tombstone", 3: "recall"}


async def test_only_the_server_says_that_a_post_has_destroyed_itself(mesh: World) -> None:
    """A device that says so is refused, and so is a time beyond a week."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    seq = await ann.post(chat)
    lie = send(chat, Content(recall=Recall(target_seq=seq, expired=True)))
    assert await ann.refused(lie) == "CONTENT_NOT_ALLOWED"
    assert await ann.refused(vanishing(chat, "x", 7 * DAY + 1)) == "INVALID_REQUEST"
