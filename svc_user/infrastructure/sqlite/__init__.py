"""The store of the user service on SQLite."""

from svc_user.infrastructure.sqlite.accounts import SqliteAccounts
from svc_user.infrastructure.sqlite.audit import SqliteAudit
from svc_user.infrastructure.sqlite.deletions import SqliteDeletions
from svc_user.infrastructure.sqlite.live import SqliteLiveSettings
from svc_user.infrastructure.sqlite.oversight import SqliteOversight
from svc_user.infrastructure.sqlite.privacies import SqlitePrivacies
from svc_user.infrastructure.sqlite.push_targets import SqlitePushTargets
from svc_user.infrastructure.sqlite.relations import SqliteRelations
from svc_user.infrastructure.sqlite.schema import SCHEMA
from svc_user.infrastructure.sqlite.sessions import SqliteSessions

__all__ = [
    "SCHEMA",
    "SqliteAccounts",
    "SqliteAudit",
    "SqliteDeletions",
    "SqliteLiveSettings",
    "SqliteOversight",
    "SqlitePrivacies",
    "SqlitePushTargets",
    "SqliteRelations",
    "SqliteSessions",
]
