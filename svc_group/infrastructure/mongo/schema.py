"""Collections of the group service.

team          a group (as in the SQLite store) with the change it was part of last; a root
member        a user's place, also one that ended; follows from its team, as do
join_request  wishes to be in,
link          links that lead in,
ban           who may not come back, and
remembered    answers to request ids
change        one document: the positions of the changes
outbox, number  debts, and their numbers

`founding` of a team is the request that made it: unique, so that of two processes one makes the group.
"""

from typing import Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Document, Schema
from mesh.infrastructure.mongo_outbox import create_outbox
from mesh.infrastructure.mongo_roots import create_roots
from svc_group.infrastructure.mongo.bans import create_bans
from svc_group.infrastructure.mongo.ways_in import create_dropping

_INDEXES: Final[dict[str, list[list[str]]]] = {
    "member": [
        ["group_id", "ended", "rank", "joined_at_ms", "user_id"],
        ["group_id", "ended", "acknowledged"],
        ["user_id", "ended"],
        ["user_id", "change"],
    ],
    "join_request": [["group_id", "created_at_ms", "key"], ["user_id", "created_at_ms", "key"]],
    "link": [["group_id", "_id"]],
    "remembered": [["at_ms"]],
}


async def _create(database: AsyncDatabase[Document]) -> None:
    await create_outbox(database)
    await create_roots(database, "team")
    await database["team"].create_indexes(
        [IndexModel("founding", unique=True, sparse=True), IndexModel("founded_at_ms", sparse=True)]
    )
    await database["link"].create_indexes([IndexModel("token", unique=True)])
    for collection, indexes in _INDEXES.items():
        await database[collection].create_indexes([IndexModel([(field, 1) for field in fields]) for fields in indexes])


SCHEMA: Final = Schema("group", (_create, create_bans, create_dropping))
