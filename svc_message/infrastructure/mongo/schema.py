"""Collections of the message service. Names of fields are short: each document carries them.

`entry`, one document an entry, the truth; shard key `c`:
    c conversation · q seq · d device · n client message id · s sender · k kind · a sent at, ms · e encoded entry
    t post that this one changes · m users that a post addresses, EVERYONE among them for all
    w whom and what it concerns, as long as what it changes besides is not changed · x what that is, as long as `w`
    z in a tombstone: the recall that made it · f words of the text, once somebody searched
    y when a post destroys itself, ms, 0 until it was read · ya how long after that, ms

`member`, one document a user and conversation; shard key `u`:
    u user · c conversation · j join seq · f first seq · l left seq · r role · m muted until, ms
    d read seq · g received seq · v the last entry that changed it, marks aside

`conversation`, one document a conversation of which anything of this was ever changed; shard key `_id`:
    _id conversation · p all are muted · o all may address everyone · i all may pin · s slow mode, seconds
    v the last entry that changed it
    rd days that entries are kept, 0 for ever · rs since when, ms · k entries before this one are gone

`own`, one document a user and conversation that they have something of; shard key `u`:
    u user · c conversation · v version · m muted until, ms · t when to tell devices, ms, absent when told
    k cleared up to · h hidden seqs · r the rest

`quiet`, one document a user who has set quiet hours: _id user · v version · r the rest

`scheduled`, one document a message that waits; shard key `u`:
    u user · o which of the user's places it takes · c conversation · n client message id · d device · a send at, ms
    t due at, ms · b encoded send · x it is being sent: by one node until `t`
"""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Document, Schema
from svc_message.infrastructure.mongo.broadcasts import create_broadcasts
from svc_message.infrastructure.mongo.estates import create_estates
from svc_message.infrastructure.mongo.gallery import index_kinds
from svc_message.infrastructure.mongo.media import create_media
from svc_message.infrastructure.mongo.push_marks import create_push_marks
from svc_message.infrastructure.mongo.reports import create_reports
from svc_message.infrastructure.mongo.sinks import create_sinks

ENTRY: Final = "entry"
MEMBER: Final = "member"
CONVERSATION: Final = "conversation"
SEARCHED: Final = "searched"
OWN: Final = "own"
QUIET: Final = "quiet"
SCHEDULED: Final = "scheduled"

PLACE: Final = "place"
"""Index of the places in the logs: (conversation, seq) is there once."""

WAITING: Final = "waiting"
"""Index of the entries whose changes are not made yet: nearly always empty, so looking into it costs next to nothing.
"""


async def create(database: AsyncDatabase[Document]) -> None:
    """Version 1. Unique indexes begin with the shard key, so that they hold over all shards."""
    await database[ENTRY].create_indexes(
        [
            IndexModel([("c", UP), ("q", UP)], name=PLACE, unique=True),
            IndexModel([("c", UP), ("d", UP), ("n", UP)], name="key", unique=True),
            IndexModel([("w", UP)], name=WAITING, sparse=True),
            IndexModel(
                [("c", UP), ("t", UP), ("q", UP)], name="target", partialFilterExpression={"t": {"$exists": True}}
            ),
        ]
    )
    await database[MEMBER].create_indexes(
        [
            IndexModel([("u", UP), ("c", UP)], name="of_user", unique=True),
            IndexModel([("c", UP), ("l", UP)], name="of_conversation"),
        ]
    )


async def index_changes(database: AsyncDatabase[Document]) -> None:
    """Find all that pins in a conversation, in order; a post is not in it."""
    await database[ENTRY].create_indexes(
        [IndexModel([("c", UP), ("k", UP), ("q", UP)], name="kind", partialFilterExpression={"t": {"$exists": True}})]
    )


async def index_words(database: AsyncDatabase[Document]) -> None:
    """Find entries by their words; those of which nobody took the words down are not in it."""
    await database[ENTRY].create_indexes(
        [IndexModel([("c", UP), ("f", UP)], name="words", partialFilterExpression={"f": {"$exists": True}})]
    )


async def add_own_and_time(database: AsyncDatabase[Document]) -> None:
    """What each user has of conversations, and what happens at its time."""
    await database[OWN].create_indexes(
        [
            IndexModel([("u", UP), ("c", UP)], name="of_user", unique=True),
            IndexModel([("t", UP)], name="due", sparse=True),
        ]
    )
    await database[SCHEDULED].create_indexes(
        [
            IndexModel([("u", UP), ("c", UP), ("n", UP)], name="name", unique=True),
            IndexModel([("u", UP), ("o", UP)], name="places", unique=True),
            IndexModel([("t", UP)], name="due"),
        ]
    )
    await database[ENTRY].create_indexes([IndexModel([("y", UP), ("_id", UP)], name="expiring", sparse=True)])
    await database[CONVERSATION].create_indexes([IndexModel([("rd", UP)], name="kept", sparse=True)])


async def index_days(database: AsyncDatabase[Document]) -> None:
    """Find what was counted of a day."""
    for counts in ("day_count", "day_user"):
        await database[counts].create_indexes([IndexModel("day")])


STEPS: Final = (
    create,
    index_changes,
    index_words,
    create_media,
    add_own_and_time,
    create_sinks,
    create_reports,
    create_broadcasts,
    index_days,
    create_push_marks,
    index_kinds,
    create_estates,
)
SCHEMA: Final = Schema("message", STEPS)
