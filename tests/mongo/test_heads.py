"""The newest places of many logs."""

from typing import Final

import pytest

from mesh.infrastructure.mongo import Database
from svc_message.domain.conversation import direct_id
from svc_message.infrastructure.mongo import SCHEMA, MongoLog
from tests.conformance.log_nodes import ANN, CHAT, row
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real

CHATS: Final = [direct_id(ANN, f"u{number:015d}") for number in range(1, 11)]


async def test_heads_of_many_logs_are_one_question() -> None:
    """What a list of conversations asks does not grow with it, as long as all of them have entries."""
    async with fresh_url() as url, Proxy() as proxy, Database(proxy.over(url), SCHEMA) as database:
        log = MongoLog(database)
        await log.append([row(chat, seq) for chat in CHATS for seq in (1, 2)])
        before = proxy.reads
        assert await log.heads(CHATS) == dict.fromkeys(CHATS, 2)
        assert proxy.reads - before == 1


async def test_a_log_without_its_beginning_is_not_empty() -> None:
    """A head is found whatever became of the first entries: else places would be given again."""
    async with fresh_url() as url, Database(url, SCHEMA) as database:
        log = MongoLog(database)
        await log.append([row(chat, 1) for chat in CHATS] + [row(CHAT, 9)])
        assert await log.heads([*CHATS, CHAT]) == dict.fromkeys(CHATS, 1) | {CHAT: 9}
