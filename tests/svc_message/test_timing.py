"""What happens at its time happens once, whichever nodes see to it."""

import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from parley.message.v1.message_service_pb2 import Send
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post, text
from tests.svc_message.timed import DAY, kinds, nothing_expires, schedule, vanishing, waits
from tests.svc_message.world import eventually, mesh_of_one, process


async def test_what_a_node_left_half_sent_is_sent_by_the_next_one(tmp_path: Path) -> None:
    """A node that died after it had written, or before, leaves a claimed message: it is there once in both cases."""
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        chat = direct(ann, bob)
        written, unwritten = post(chat, "written"), post(chat, "unwritten")
        await schedule(ann, written, DAY)
        await schedule(ann, unwritten, DAY)
        await ann.seqs(written)
        with sqlite3.connect(made.database) as store:
            store.execute("UPDATE scheduled SET sending = 1, due_at_ms = 1")
        async with process(made, "message", number=2):
            made.clock.advance(3)
            await bob.entry(chat, 2)
            await eventually(lambda: waits(ann, []))
        bodies = [one.content.post.body for one in (await bob.history(chat)).entries]
        assert bodies == [text("written"), text("unwritten")]


async def test_two_nodes_that_both_sweep_do_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that do not know of each other send each message once, and destroy each post with one recall."""
    monkeypatch.setattr("mesh.share.Share.has", lambda *_: True)
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        group = await groups.make(made, ann, bob)
        async with process(made, "message", number=2):
            gone = [vanishing(group, f"gone {number}", 5) for number in range(10)]
            await eventually(lambda: _taken(ann, gone))
            for number in range(20):
                await schedule(ann, post(group, f"later {number}"), 5)
            made.clock.advance(7)
            await bob.entry(group, 41)
            await eventually(lambda: waits(ann, []))
            await eventually(lambda: nothing_expires(made))
        found = await kinds(bob, group)
        assert sorted(found) == list(range(1, 42))
        assert Counter(found.values()) == {"membership": 1, "tombstone": 10, "post": 20, "recall": 10}


async def test_a_node_does_what_it_wrote_whoever_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is not the chosen one, and so never looks by itself, sends what was scheduled there, and lets go what
    was written there to destroy itself, each at its time.
    """
    monkeypatch.setattr("mesh.share.Share.has", lambda *_: False)
    async with mesh_of_one(tmp_path) as made:
        ann, bob = await new_device(made).connect(), await new_device(made).connect()
        group = await groups.make(made, ann, bob)
        [gone] = await ann.seqs(vanishing(group, "gone", 5))
        made.clock.advance(7)
        assert (await bob.entry(group, gone + 1)).content.recall.target_seq == gone
        await schedule(ann, post(group, "later"), 5)
        made.clock.advance(7)
        assert (await bob.entry(group, gone + 2)).content.post.body == text("later")


async def _taken(device: Device, messages: list[Send]) -> bool:
    """Whether all are written. Until the gateway's link to a new node is up it refuses, and an app sends again."""
    return all(result.seq for result in await device.results(*messages))
