"""`Bans` in SQLite."""

from dataclasses import replace
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_group.domain.ban import Ban
from svc_group.domain.group import GroupId, UserId
from svc_group.infrastructure.sqlite import Connection

COLUMNS: Final = "group_id, user_id, banned_by, created_at_ms, expires_at_ms, reason, lifted"
HOLDS: Final = "group_id = ? AND lifted = 0 AND (expires_at_ms = 0 OR expires_at_ms > ?)"


class SqliteBans:
    """Bans of groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_group(self, group_id: GroupId, now_ms: int, before: tuple[int, str], limit: int) -> list[Ban]:
        """See the port."""
        query = (
            f"SELECT {COLUMNS} FROM ban WHERE {HOLDS} "  # noqa: S608 - constants of ours
            "AND (? = 0 OR (created_at_ms, user_id) < (?, ?)) ORDER BY created_at_ms DESC, user_id DESC LIMIT ?"
        )
        at_ms, user_id = before
        cells = (group_id, now_ms, at_ms, at_ms, user_id, limit)
        found = await self._database.read(lambda connection: connection.execute(query, cells).fetchall())
        return [_ban(row) for row in found]


def ban_cells(ban: Ban) -> tuple[Any, ...]:
    """The columns of a ban."""
    return (
        ban.group_id,
        ban.user_id,
        ban.banned_by,
        ban.created_at_ms,
        ban.expires_at_ms,
        ban.reason,
        ban.lifted,
    )


def of_users(connection: Connection, group_id: str, users: str) -> dict[UserId, Ban]:
    """The bans of users, who are given as a JSON array."""
    found = connection.execute(
        f"SELECT {COLUMNS} FROM ban WHERE group_id = ? "  # noqa: S608 - a constant of ours
        "AND user_id IN (SELECT value FROM json_each(?))",
        (group_id, users),
    )
    return {ban.user_id: ban for ban in map(_ban, found)}


def live(connection: Connection, group_id: str, now_ms: int) -> int:
    """How many bans hold."""
    query = f"SELECT count(*) FROM ban WHERE {HOLDS}"  # noqa: S608 - a constant of ours
    return int(connection.execute(query, (group_id, now_ms)).fetchone()[0])


def _ban(cells: tuple[Any, ...]) -> Ban:
    *rest, lifted = cells
    return replace(Ban(*rest), lifted=bool(lifted))
