"""The store of the AI service in SQLite: one file, a table for each kind of thing."""

from typing import Final

from svc_ai.infrastructure.sqlite import cursors, renewals, requests, settings, usage
from svc_ai.infrastructure.sqlite.cursors import SqliteCursors
from svc_ai.infrastructure.sqlite.renewals import SqliteRenewals
from svc_ai.infrastructure.sqlite.requests import SqliteRequests
from svc_ai.infrastructure.sqlite.settings import SqliteSettings
from svc_ai.infrastructure.sqlite.usage import SqliteUsage

SCHEMA: Final = (cursors.STEP, usage.STEP, f"{settings.STEP};{requests.STEP};{renewals.STEP}", usage.COST_STEP)
"""Migration steps; one is never changed once it was released."""

__all__ = ["SCHEMA", "SqliteCursors", "SqliteRenewals", "SqliteRequests", "SqliteSettings", "SqliteUsage"]
