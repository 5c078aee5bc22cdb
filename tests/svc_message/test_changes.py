"""Edits, recalls, replies and mentions."""

import sqlite3

from mesh.errors import Code
from parley.message.v1.entry_pb2 import Content, Pin
from parley.message.v1.notice_pb2 import GroupChange
from tests.svc_message import groups
from tests.svc_message.device import direct, edit, new_device, post, reaction, recall, send
from tests.svc_message.world import World, refusal

DAY_S = 24 * 3_600


def stored(mesh: World) -> bytes:
    """All bodies in the store."""
    with sqlite3.connect(mesh.database) as connection:
        found = b"".join(body for (body,) in connection.execute("SELECT body FROM entry"))
    connection.close()
    return found


async def test_a_recall_erases_the_post_and_its_edits(mesh: World) -> None:
    """The bodies are gone from the store; history, sync and new devices see tombstones in their places."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(post(chat, "canary one"), post(chat, "kept"))
    await ann.seqs(edit(chat, 1, "canary two"), edit(chat, 1, "canary 3"))
    assert stored(mesh).count(b"canary") == 3
    assert await ann.seqs(recall(chat, 1)) == [5]
    assert b"canary" not in stored(mesh)
    for device in (ann, bob):
        entries = (await device.history(chat)).entries
        kinds = [entry.content.WhichOneof("kind") for entry in entries]
        assert kinds == ["tombstone", "post", "tombstone", "tombstone", "recall"]
        assert {(e.content.tombstone.recall_seq, e.content.tombstone.recalled_by) for e in entries[2:4]} == {
            (5, ann.user_id)
        }
        assert [(e.seq, e.sender_id) for e in entries] == [(n, ann.user_id) for n in range(1, 6)]
    assert await ann.refused(edit(chat, 1)) == "ALREADY_RECALLED"
    assert await ann.seqs(recall(chat, 1)) == [6]
    assert (await bob.unread(chat)) == (1, 0)


async def test_a_tombstone_names_who_recalled_first(mesh: World) -> None:
    """Whoever recalls again what was taken back writes an entry, and the tombstone goes on naming the first recall."""
    owner, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, bob)
    said = await bob.post(team, "oops")
    await bob.seqs(edit(team, said))
    [first] = await bob.seqs(recall(team, said))
    assert await owner.seqs(recall(team, said)) == [first + 1]
    found = [entry.content.tombstone for entry in (await bob.history(team)).entries if entry.seq in {said, said + 1}]
    assert [(one.recall_seq, one.recalled_by) for one in found] == [(first, bob.user_id)] * 2


async def test_a_recall_erases_every_edit(mesh: World) -> None:
    """However often a post was edited and pinned, its recall leaves nothing of it."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.post(chat, "canary")
    for _ in range(9):
        await ann.seqs(*(send(chat, Content(pin=Pin(target_seq=1))) for _ in range(60)))
    await ann.seqs(edit(chat, 1, "canary too"))
    await ann.seqs(recall(chat, 1))
    assert b"canary" not in stored(mesh)


async def test_a_repeated_recall_or_edit_gets_its_place(mesh: World) -> None:
    """Edits and recalls are idempotent like posts, also when a recall has taken the edit's body away."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    change, gone = edit(chat, 1), recall(chat, 1)
    first = post(chat)
    assert [await ann.seqs(one) for one in (first, change, gone)] == [[1], [2], [3]]
    assert [(r.seq, r.duplicate) for r in await ann.results(first, change, gone)] == [(1, True), (2, True), (3, True)]


async def test_who_may_edit_and_until_when(mesh: World) -> None:
    """A post is edited by its sender alone, for 24 hours."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    assert await ann.seqs(post(chat)) + await ann.seqs(reaction(chat, 1)) == [1, 2]
    assert await bob.refused(edit(chat, 1)) == "NOT_ALLOWED"
    assert await ann.refused(edit(chat, 2)) == "ENTRY_NOT_FOUND"
    mesh.clock.advance(20)
    assert await ann.seqs(edit(chat, 1)) == [3]
    assert (await ann.history(chat, to_seq=1)).amendments[0].seq == 3
    late = new_device(mesh, ann.user_id)
    mesh.clock.advance(DAY_S)
    await late.connect()
    assert await late.refused(edit(chat, 1)) == "EDIT_WINDOW_OVER"


async def test_who_may_recall_and_until_when(mesh: World) -> None:
    """A sender has two minutes; owner and admins of a group have no limit for themselves and for those below them."""
    owner, admin, ann, bob = [await new_device(mesh).connect() for _ in range(4)]
    team = await groups.make(mesh, owner, admin, ann, bob)
    await groups.update(mesh, team, admin, groups.ADMIN)
    chat = direct(ann, bob)
    posts = [await device.post(team) for device in (ann, ann, admin, owner, ann)]
    await ann.seqs(post(chat), post(chat), post(chat))
    assert await bob.refused(recall(team, posts[0])) == "NOT_ALLOWED"
    assert await bob.refused(recall(chat, 1)) == "NOT_ALLOWED"
    assert await ann.seqs(recall(chat, 1)) == [4]
    mesh.clock.advance(115)
    assert await ann.seqs(recall(chat, 3)) == [5]
    for device in (owner, admin, ann, bob):
        await device.unread(team)
    devices = {}
    mesh.clock.advance(10)
    for name, device in (("owner", owner), ("admin", admin), ("ann", ann)):
        await device.leave()
        devices[name] = await new_device(mesh, device.user_id).connect()
    assert await devices["ann"].refused(recall(chat, 2)) == "RECALL_WINDOW_OVER"
    assert await devices["ann"].refused(recall(team, posts[0])) == "RECALL_WINDOW_OVER"
    assert await devices["admin"].refused(recall(team, posts[3])) == "NOT_ALLOWED"
    head = await devices["owner"].post(team)
    assert await devices["admin"].seqs(recall(team, posts[0]), recall(team, posts[2])) == [head + 1, head + 2]
    assert await devices["owner"].seqs(recall(team, posts[1])) == [head + 3]
    await groups.kick(mesh, team, ann)
    assert await devices["admin"].seqs(recall(team, posts[4])) == [head + 5]


async def test_mentions_are_counted_for_those_who_are_addressed(mesh: World) -> None:
    """A mention counts for its user, @all for everyone, twice addressed counts once, and one's own never."""
    owner, ann, bob = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, owner, ann)
    both = [ann.user_id, bob.user_id]
    await owner.seqs(
        post(team),
        post(team, mentioned_user_ids=both),
        post(team, mentions_all=True),
        post(team, mentions_all=True, mentioned_user_ids=[ann.user_id, ann.user_id]),
    )
    await ann.seqs(post(team, mentioned_user_ids=[ann.user_id, owner.user_id]))
    assert await ann.unread(team) == (4, 3)
    assert await owner.unread(team) == (1, 1)
    assert (await refusal(bob.unread(team))).reason == "CONVERSATION_NOT_FOUND"
    await ann.mark_read(team, 3)
    assert await ann.unread(team) == (2, 2)
    await owner.seqs(recall(team, 5))
    assert await ann.unread(team) == (1, 1)


async def test_everyone_is_addressed_by_those_who_may(mesh: World) -> None:
    """@all is for owner and admins until the group opens it; the refusal is PERMISSION_DENIED."""
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, ann)
    [result] = await ann.results(post(team, mentions_all=True))
    assert (result.error.code, result.error.reason) == (int(Code.PERMISSION_DENIED), "NOT_ALLOWED")
    await groups.change_group(mesh, team, GroupChange(mention_all_open=True))
    assert await ann.seqs(post(team, mentions_all=True)) == [3]


async def test_mutes(mesh: World) -> None:
    """Who is muted may not write until the mute ends; when all are muted, owner and admins still may."""
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, ann)
    await groups.update(mesh, team, ann, muted_until_ms=mesh.clock.now_ms() + 20_000)
    assert await ann.refused(post(team)) == "MUTED"
    mesh.clock.advance(21)
    assert await ann.seqs(post(team)) == [3]
    await groups.change_group(mesh, team, GroupChange(muted_all=True))
    assert await ann.refused(post(team)) == "MUTED"
    assert await owner.seqs(post(team)) == [5]
    await groups.change_group(mesh, team, GroupChange(muted_all=False))
    assert await ann.seqs(post(team)) == [7]


async def test_replies_look_back(mesh: World) -> None:
    """A post may answer what is there; a seq that is not there yet is INVALID_ARGUMENT."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    assert await ann.seqs(post(chat)) + await ann.seqs(post(chat, reply_to_seq=1)) == [1, 2]
    [result] = await ann.results(post(chat, reply_to_seq=9))
    assert (result.error.code, result.error.reason) == (int(Code.INVALID_ARGUMENT), "ENTRY_NOT_FOUND")
