"""An index of texts that was made before accents were folded."""

from pathlib import Path

import pytest

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row
from svc_message.domain.posts.search import Lookup, Text
from svc_message.domain.posts.words import query, words_of
from svc_message.infrastructure import mongo as mongo_store
from svc_message.infrastructure.mongo import MongoSearchIndex
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteSearchIndex
from svc_message.infrastructure.sqlite.search import ANEW
from tests.mongo.server import SERVER, fresh_url

CHAT = direct_id(UserId("u" + "a" * 15), UserId("u" + "b" * 15))


async def test_a_file_from_before_is_indexed_anew(tmp_path: Path) -> None:
    """Nothing counts as taken in, so the next search takes it in with the letters of today; a recall still erases."""
    post = Draft(CHAT, UserId("u" + "a" * 15), DeviceId("d" + "1" * 15), 1, EntryKind.POST, b"content")
    lookup = Lookup((CHAT,), query("café").words)
    async with Database(tmp_path / "message.db", SCHEMA[: SCHEMA.index(ANEW)]) as before:
        await SqliteLog(before).append([Row(post, Seq(1), 1, b"entry")])
        await SqliteSearchIndex(before).add(CHAT, [Text(Seq(1), ("café",))], Seq(1))
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        index = SqliteSearchIndex(database)
        assert await index.reached([CHAT]) == {CHAT: 0}
        await index.add(CHAT, [Text(Seq(1), words_of("Café"))], Seq(1))
        assert [hit.seq for hit in await index.find(lookup, 9)] == [1]
        recall = post._replace(client_message_id=2, kind=EntryKind.RECALL, target_seq=Seq(1))
        await SqliteLog(database).append([Row(recall, Seq(2), 2, b"entry", ((Seq(1), b"gone"),))])
        assert await index.find(lookup, 9) == []


@pytest.mark.skipif(not SERVER, reason="needs a MongoDB server")
@pytest.mark.real
async def test_documents_from_before_are_indexed_anew() -> None:
    """How far a node of before took a conversation in says nothing to this one, which leaves that as it is."""
    async with fresh_url() as url, mongodb.Database(url, mongo_store.SCHEMA, call_s=30.0) as database:
        places = database.collection("searched")
        await places.insert_one({"_id": CHAT, "q": 7})
        index = MongoSearchIndex(database)
        assert await index.reached([CHAT]) == {CHAT: 0}
        await index.add(CHAT, [], Seq(5))
        assert await index.reached([CHAT]) == {CHAT: 5}
        assert await places.find_one() == {"_id": CHAT, "q": 7, "a": 5}
