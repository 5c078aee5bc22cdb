"""The store of the user service on MongoDB."""

from mesh.clock import Clock
from mesh.infrastructure.mongo import Database
from mesh.infrastructure.mongo_outbox import MongoOutbox
from mesh.infrastructure.mongo_roots import Roots
from svc_user.infrastructure.mongo.accounts import Encode, MongoAccounts
from svc_user.infrastructure.mongo.audit import MongoAudit
from svc_user.infrastructure.mongo.deletions import MongoDeletions
from svc_user.infrastructure.mongo.live import MongoLiveSettings
from svc_user.infrastructure.mongo.oversight import MongoOversight
from svc_user.infrastructure.mongo.privacies import MongoPrivacies
from svc_user.infrastructure.mongo.push_targets import MongoPushTargets
from svc_user.infrastructure.mongo.relations import MongoRelations
from svc_user.infrastructure.mongo.schema import SCHEMA
from svc_user.infrastructure.mongo.sessions import MongoSessions

__all__ = [
    "SCHEMA",
    "MongoAccounts",
    "MongoDeletions",
    "MongoPrivacies",
    "MongoPushTargets",
    "MongoRelations",
    "MongoSessions",
    "stores",
]


def stores(
    database: Database, clock: Clock, encode: Encode
) -> tuple[
    MongoAccounts,
    MongoPrivacies,
    MongoDeletions,
    MongoSessions,
    MongoPushTargets,
    MongoRelations,
    MongoOutbox,
    MongoOversight,
    MongoAudit,
    MongoLiveSettings,
]:
    """The stores of one database, which owe to one outbox."""
    outbox = MongoOutbox(database)
    accounts, pairs = Roots(database, "account", outbox), Roots(database, "pair", outbox)
    return (
        MongoAccounts(database, accounts, encode),
        MongoPrivacies(accounts, encode),
        MongoDeletions(database, accounts),
        MongoSessions(database, accounts, encode),
        MongoPushTargets(database),
        MongoRelations(database, pairs, clock, encode),
        outbox,
        MongoOversight(database, accounts),
        MongoAudit(database),
        MongoLiveSettings(database),
    )
