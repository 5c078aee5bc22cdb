"""Collections of the user service.

account         a user with all that is theirs alone: profile, settings, password, sessions, what made it; a root
device          whose device it is, which outlives its sessions
pair            everything between two users: both sides, the latest request each way, the revision; a root
friend_request  all requests; they follow from pairs
bots            the bots of a user, with what is known of their tokens
push_target     where notifications for a device go, by the hash of provider and token
friend_list     the versions of the friend lists
gone_name       hashes of the names of erased accounts
audit           what administrators did
outbox, number  debts, and their numbers

Times are Unix milliseconds, 0 for "not yet". A field that a unique index is on is left out when there is nothing in it.
"""

from typing import Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Document, Schema
from mesh.infrastructure.mongo_outbox import create_outbox
from mesh.infrastructure.mongo_roots import create_roots
from svc_user.infrastructure.mongo.audit import create_audit
from svc_user.infrastructure.mongo.bots import create_bots
from svc_user.infrastructure.mongo.oversight import create_oversight


async def _create(database: AsyncDatabase[Document]) -> None:
    await create_outbox(database)
    for roots in ("account", "pair"):
        await create_roots(database, roots)
    await database["account"].create_indexes(
        [
            IndexModel("username", unique=True, sparse=True),
            IndexModel("registration.request_id", unique=True, sparse=True),
            IndexModel("registration.created_at_ms", sparse=True),
            IndexModel("devices", unique=True, sparse=True),
            IndexModel("sessions.session_id", sparse=True),
            IndexModel("sessions.ended_at_ms", sparse=True),
        ]
    )
    await database["pair"].create_indexes(
        [
            IndexModel([(f"{side}.{field}", 1) for field in fields])
            for side in ("low", "high")
            for fields in (
                ("owner_id", "version"),
                ("owner_id", "standing"),
                ("owner_id", "blocked_at_ms", "other_id"),
            )
        ]
    )
    await database["friend_request"].create_indexes(
        [IndexModel([(whose, 1), ("_id", -1)]) for whose in ("sender_id", "receiver_id")]
    )


async def _add_push_targets(database: AsyncDatabase[Document]) -> None:
    indexes = [IndexModel([("user_id", 1), ("set_at_ms", -1)]), IndexModel("session_id")]
    await database["push_target"].create_indexes(indexes)


async def _add_deletions(database: AsyncDatabase[Document]) -> None:
    await database["account"].create_indexes([IndexModel("deleting", sparse=True)])


STEPS: Final = (_create, _add_push_targets, create_bots, _add_deletions, create_oversight, create_audit)
SCHEMA: Final = Schema("user", STEPS)
