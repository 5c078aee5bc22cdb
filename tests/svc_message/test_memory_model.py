"""What two nodes on one store remember, against what is in the store."""

import asyncio
import random
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from svc_message.application.sync.places import Places
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.ports import Mark
from tests.svc_message.remembering import (
    ANN,
    BOB,
    CHAT,
    OTHER,
    PERSONAL,
    TEAM,
    USERS,
    Node,
    joining,
    leaving,
    row,
    two_nodes,
)


@given(steps=st.lists(st.booleans(), max_size=6), late=st.lists(st.booleans(), min_size=6, max_size=6))
def test_taking_in_old_entries_again_changes_nothing(steps: list[bool], late: list[bool]) -> None:
    """Whatever part of the past is told again after the newest word, the place is as that says."""
    places = Places()
    places.put(ANN, ())
    rows = [row(TEAM, seq, joining(seq, ANN) if come else leaving(ANN)) for seq, come in enumerate(steps, 1)]
    for one in rows:
        places.appended(one)
    before = deepcopy(places.get(ANN))
    for one, again in zip(rows, late, strict=False):
        if again:
            places.appended(one)
    assert places.get(ANN) == before


def test_who_comes_back_sees_what_follows() -> None:
    """After a second joining the user sees from it on, without an end, and what came between not at all."""
    places = Places()
    places.put(ANN, ())
    for one in (row(TEAM, 1, joining(1, ANN)), row(TEAM, 2, leaving(ANN)), row(TEAM, 3)):
        places.appended(one)
    place = (places.get(ANN) or {})[TEAM]
    assert (place.first_visible, place.last_visible) == (1, 2)
    for one in (row(TEAM, 4, joining(4, ANN)), row(TEAM, 5)):
        places.appended(one)
    assert (place.first_visible, place.last_visible, place.left_seq) == (4, 5, 0)


def test_a_mark_that_is_told_late_takes_nothing_back() -> None:
    """How far somebody has read only rises, for themselves and for the other one."""
    places = Places()
    places.put(ANN, ())
    places.put(BOB, ())
    places.appended(row(CHAT, 1))
    for seq in (5, 3):
        places.advanced(Mark(CHAT, ANN, read_seq=Seq(seq)))
    mine, theirs = ((places.get(user) or {})[CHAT] for user in (ANN, BOB))
    assert (mine.read_seq, theirs.peer_read_seq) == (5, 5)


GROUPS = (TEAM, ConversationId("g" + "2" * 15))
Step = tuple[int, int, int, int]


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(*(st.integers(0, 5) for _ in range(4))), max_size=25), seed=st.integers(0, 2**32))
def test_memory_says_what_the_store_says(steps: list[Step], seed: int) -> None:
    """Whatever two nodes write, at once or in turn, each tells what is in the store."""
    with TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), steps, random.Random(seed)))


async def _compare(folder: Path, steps: list[Step], chance: random.Random) -> None:
    async with two_nodes(folder) as nodes:
        for step in steps:
            acting = nodes[step[0] % 2 if chance.random() < 0.4 else 0]
            work = [_do(acting, step)]
            if chance.random() < 0.5:  # somebody comes at the same time
                work.append(_look(chance.choice(nodes), chance.choice(USERS)))
            await asyncio.gather(*work)
            for user in chance.sample(USERS, 2):
                await _agree(chance.choice(nodes), user)


async def _look(node: Node, user: UserId) -> None:
    await node.told(user)


async def _do(node: Node, step: Step) -> None:
    _, kind, which, who = step
    users = [user for index, user in enumerate(USERS) if who + 1 & 1 << index]
    if kind == 0:
        await node.mark(Mark((CHAT, OTHER, *GROUPS)[which % 4], USERS[who % 3], read_seq=Seq(which + 1)))
        return
    chat = (CHAT, OTHER, PERSONAL)[which % 3] if kind in {1, 2} else GROUPS[which % 2]
    seq = (await node.log.heads([chat]))[chat] + 1
    members = {3: joining(seq, *users), 4: leaving(*users)}.get(kind)
    tombstones = ((Seq(seq - 1), b"gone"),) if kind == 2 and seq > 1 else ()
    await node.log.append([row(chat, seq, members, tombstones), row(chat, seq + 1, tombstones=((Seq(seq), b"x"),))])


async def _agree(node: Node, user: UserId) -> None:
    told = await node.told(user)
    expected = {
        one.conversation_id: (
            min(one.left_seq or one.head_seq, one.head_seq),
            one.first_seq,
            one.left_seq,
            one.read_seq,
            one.peer_read_seq,
        )
        for one in await node.members.standings(user)
    }
    assert told == expected
    for chat, (head, first, *_) in told.items():
        stored = await node.log.read(chat, first, head, 1_000)
        assert await node.entries(user, chat) == [one.entry for one in stored]
