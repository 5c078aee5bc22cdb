"""`WaysIn` in SQLite."""

from mesh.infrastructure.sqlite import Database
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import REQUEST_KEPT_MS, REQUESTS_DROPPED, WAITING, JoinRequest, Link
from svc_group.domain.ports import RequestFilter
from svc_group.infrastructure.sqlite import Connection, rows

_WAITING = ", ".join(str(state.value) for state in sorted(WAITING))


class SqliteWaysIn:
    """Join requests and links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def join_requests(self, wanted: RequestFilter, before: tuple[int, str], limit: int) -> list[JoinRequest]:
        """The newest first."""
        owner = "group_id" if wanted.group_id else "user_id"
        waiting = f"AND state IN ({_WAITING}) AND created_at_ms >= ? " if wanted.waiting_since_ms else "AND ? = 0 "
        query = (
            f"SELECT {rows.JOIN_REQUEST} FROM join_request WHERE {owner} = ? {waiting}"  # noqa: S608 - ours
            "AND (? = 0 OR (created_at_ms, group_id || user_id) < (?, ?)) "
            "ORDER BY created_at_ms DESC, group_id || user_id DESC LIMIT ?"
        )
        at_ms, key = before
        cells = (wanted.group_id or wanted.user_id, wanted.waiting_since_ms, at_ms, at_ms, key, limit)
        found = await self._database.read(lambda connection: connection.execute(query, cells).fetchall())
        return [rows.join_request(row) for row in found]

    async def join_request(self, group_id: GroupId, user_id: UserId) -> JoinRequest | None:
        """One request."""

        def work(connection: Connection) -> JoinRequest | None:
            query = f"SELECT {rows.JOIN_REQUEST} FROM join_request WHERE group_id = ? AND user_id = ?"  # noqa: S608
            found = connection.execute(query, (group_id, user_id)).fetchone()
            return rows.join_request(found) if found else None

        return await self._database.read(work)

    async def link(self, token: str) -> Link | None:
        """The link with this token."""

        def work(connection: Connection) -> Link | None:
            query = f"SELECT {rows.LINK} FROM link WHERE token = ?"  # noqa: S608 - a constant of ours
            found = connection.execute(query, (token,)).fetchone()
            return rows.link(found) if found else None

        return await self._database.read(work)

    async def links(self, group_id: GroupId, creator_id: str, now_ms: int, before: str, limit: int) -> list[Link]:
        """Live links, newest first: ids rise with the time."""
        query = (
            f"SELECT {rows.LINK} FROM link WHERE group_id = ? AND revoked_at_ms = 0 "  # noqa: S608 - ours
            "AND expires_at_ms > ? AND ? IN ('', creator_id) AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?"
        )
        cells = (group_id, now_ms, creator_id, before, before, limit)
        found = await self._database.read(lambda connection: connection.execute(query, cells).fetchall())
        return [rows.link(row) for row in found]


def drop_old(connection: Connection, now_ms: int) -> None:
    """Take the oldest join requests away, so many at most, that nobody asks after any more."""
    connection.execute(
        "DELETE FROM join_request WHERE (group_id, user_id) IN "
        "(SELECT group_id, user_id FROM join_request WHERE created_at_ms < ? ORDER BY created_at_ms LIMIT ?)",
        (now_ms - REQUEST_KEPT_MS, REQUESTS_DROPPED),
    )
