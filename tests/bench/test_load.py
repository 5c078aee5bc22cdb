"""What the load is made of: who writes to whom, where devices stand, and a store that was filled before."""

from itertools import chain
from pathlib import Path

import pytest

from bench.places import conversation_of, digest
from bench.prefill import prefill
from bench.progress import Progress
from bench.scenario.growth import Options, circles
from mesh.infrastructure.sqlite import Database
from svc_message.application.sync.catch_up import weight
from svc_message.domain.conversation import ConversationId, kind_of
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog


@pytest.mark.parametrize("users, conversations", [(6, 6), (6, 15), (7, 21), (448, 1_000)])
def test_so_many_conversations_are_in_use(users: int, conversations: int) -> None:
    """The circle gives the asked number of different pairs, nobody alone, and both ends know of each other."""
    peers = circles(users, conversations)
    pairs = {frozenset((one, other)) for one, others in enumerate(peers) for other in others}

    assert len(pairs) == conversations
    assert sum(map(len, peers)) == 2 * conversations
    assert all(peers)
    assert all(len(pair) == 2 for pair in pairs)
    assert set(chain(*peers)) == set(range(users))


@pytest.mark.parametrize("conversations", [5, 16])
def test_too_few_and_too_many_conversations_are_refused(conversations: int) -> None:
    """Six users have from 6 conversations, one for each, to 15."""
    with pytest.raises(ValueError, match="6 users have from 6 to 15"):
        Options(users=6, conversations=(conversations,))


def test_the_digest_is_that_of_the_server() -> None:
    """A device that has what the log has says the same number as the log."""
    places = {"u1": 3, "u1-u2": 17, "g1": 2**40}

    assert digest(places) == sum(weight(id_) * seq for id_, seq in places.items()) % 2**64


def test_a_conversation_has_one_name_from_both_ends() -> None:
    """The smaller user id stands first, whoever asks."""
    assert conversation_of("u2", "u1") == conversation_of("u1", "u2") == "u1-u2"


async def test_a_store_is_filled_in_steps(tmp_path: Path) -> None:
    """Filling goes on where it stopped, and leaves logs without a gap under ids that the contract allows."""
    await prefill(tmp_path, 0, 150, 20, Progress())
    await prefill(tmp_path, 150, 250, 20, Progress())

    ids = [ConversationId(conversation_of(f"u{2 * n:015d}", f"u{2 * n + 1:015d}")) for n in range(3)]
    assert all(map(kind_of, ids))
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        log = SqliteLog(database)
        assert list((await log.heads(ids)).values()) == [100, 100, 50]
        assert [stored.seq for stored in await log.read(ids[2], 1, 100, 200)] == list(range(1, 51))
