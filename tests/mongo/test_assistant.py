"""The AI service with its cursors in MongoDB."""

import asyncio
from pathlib import Path

import pytest

from mesh.infrastructure.mongo import Database
from svc_ai.infrastructure.mongo import SCHEMA, MongoCursors
from tests.mongo.server import fresh_url
from tests.svc_ai.neighbours import ANN, ASSISTANT, DIRECT
from tests.svc_ai.world import until, world

pytestmark = pytest.mark.real


async def dealt_with(cursors: MongoCursors, seq: int) -> None:
    """Wait until the assistant has dealt with an entry."""
    async with asyncio.timeout(10):
        while (await cursors.load(ASSISTANT, DIRECT)).seq < seq:  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.01)


async def test_another_node_goes_on_where_the_cursors_stand(tmp_path: Path) -> None:
    """What one node answered no other answers again, and what was asked meanwhile it does answer."""
    async with fresh_url() as url, Database(url, SCHEMA) as database, world(tmp_path) as at_work:
        at_work.store_url = url
        cursors = MongoCursors(database)
        async with at_work.process(node_id="one"):
            asked = [await at_work.logs.say(ANN, "count to 1")]
            await dealt_with(cursors, asked[0])
        asked += [await at_work.logs.say(ANN, "count to 2"), await at_work.logs.say(ANN, "count to 3")]
        async with at_work.process(node_id="two"):
            await until(lambda: len(at_work.logs.answers()) == 3)
            await dealt_with(cursors, asked[-1])
        assert [answer.in_reply_to_seq for answer in at_work.logs.answers()] == asked
