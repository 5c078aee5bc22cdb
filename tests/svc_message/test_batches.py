"""The order of drafts that one batch does not hold."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mesh.errors import unavailable
from mesh.infrastructure.sqlite import Database
from svc_message.application import append
from svc_message.domain.entry import GroupDelta, Row
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteMembers
from tests.conformance.log_nodes import ANN, BOB, CHAT, TEAM, Node, joining, nodes, row
from tests.svc_message.test_terms import Writer, call, ours, outcome, writer

__all__ = ["nodes", "ours"]


class Losing(SqliteLog):
    """A store that fails once when it is told to, after it has kept what it was given, or before."""

    def __init__(self, database: Database, *, keeps: bool) -> None:
        super().__init__(database)
        self.fails = False
        self._keeps = keeps

    async def append(self, rows: Sequence[Row]) -> None:
        """Append, or fail."""
        fails, self.fails = self.fails, False
        if not fails or self._keeps:
            await super().append(rows)
        if fails:
            raise unavailable("STORE_UNAVAILABLE", "the answer was lost")


@pytest.mark.parametrize("keeps", [False, True])
async def test_what_waits_behind_a_lost_batch_does_not_overtake_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keeps: bool
) -> None:
    """It is to be sent again too, and what waits in another conversation is not; sent again, all stand in their order,
    once.
    """
    monkeypatch.setattr(append, "MAX_BATCH", 2)
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        log = Losing(database, keeps=keeps)
        await log.append([row(TEAM, 1, members=joining(1, ANN, BOB))])
        async with writer(Node(log, SqliteMembers(database))) as made:
            team, chat = await made.knows(), await made.knows(CHAT)
            drafts = [call()._replace(mentions_all=False) for _ in range(4)]
            log.fails = True
            said = [made.say(team, draft) for draft in drafts]
            other = made.say(chat, call(ANN, 7, CHAT))
            assert [await outcome(one) for one in said] == ["STORE_UNAVAILABLE"] * 4
            assert await outcome(other) == (1, False)
            again = [made.say(team, draft) for draft in drafts]
            assert [await outcome(one) for one in again] == [(2, keeps), (3, keeps), (4, False), (5, False)]


async def test_what_waits_for_a_rule_of_its_batch_is_not_overtaken(
    ours: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post behind a new rule is judged with the next batch, and stands before what was written after it."""
    monkeypatch.setattr(append, "MAX_BATCH", 2)
    team = await ours.knows()
    said = [ours.tell(team, GroupDelta(pin_open=True)), *(ours.say(team, call()) for _ in range(3))]
    assert [await outcome(one) for one in said] == [(number, False) for number in range(3, 7)]
