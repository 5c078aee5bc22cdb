"""The store of groups on MongoDB."""

from mesh.clock import Clock
from mesh.infrastructure.mongo import Database
from mesh.infrastructure.mongo_outbox import MongoOutbox
from mesh.infrastructure.mongo_roots import Roots
from svc_group.infrastructure.mongo.bans import MongoBans
from svc_group.infrastructure.mongo.groups import MongoGroups
from svc_group.infrastructure.mongo.members import MongoMembers
from svc_group.infrastructure.mongo.oversight import MongoAllGroups
from svc_group.infrastructure.mongo.schema import SCHEMA
from svc_group.infrastructure.mongo.ways_in import MongoWaysIn

__all__ = ["SCHEMA", "MongoAllGroups", "MongoBans", "MongoGroups", "MongoMembers", "MongoWaysIn", "stores"]

Stores = tuple[MongoGroups, MongoMembers, MongoWaysIn, MongoBans, MongoOutbox, MongoAllGroups]


def stores(database: Database, clock: Clock) -> Stores:
    """The stores of one database, which owe to one outbox."""
    outbox = MongoOutbox(database)
    teams = Roots(database, "team", outbox)
    groups, members = MongoGroups(database, teams, clock), MongoMembers(database, teams)
    ways_in, bans = MongoWaysIn(database, teams), MongoBans(database, teams)
    return groups, members, ways_in, bans, outbox, MongoAllGroups(database)
