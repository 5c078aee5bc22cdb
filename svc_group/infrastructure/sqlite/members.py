"""`Members` in SQLite."""

from mesh.infrastructure.sqlite import Database
from svc_group.domain.group import GroupId, Role, UserId
from svc_group.domain.member import Member
from svc_group.domain.ports import MemberFilter, Place
from svc_group.infrastructure.sqlite import Connection, rows


class SqliteMembers:
    """Who is in a group."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, group_id: GroupId, wanted: MemberFilter, after: Place, limit: int) -> list[Member]:
        """Present members after this place of the list."""
        condition, values = _condition(wanted)
        query = (
            f"SELECT {rows.MEMBER} FROM member "  # noqa: S608 - constants of ours
            f"WHERE group_id = ? AND ended = 0 AND (rank, joined_at_ms, user_id) > (?, ?, ?) {condition}"
            "ORDER BY rank, joined_at_ms, user_id LIMIT ?"
        )
        cells = (group_id, after.rank, after.joined_at_ms, after.user_id, *values, limit)
        found = await self._database.read(lambda connection: connection.execute(query, cells).fetchall())
        return [rows.member(row) for row in found]

    async def one(self, group_id: GroupId, user_id: UserId) -> Member | None:
        """A user's place, also one that ended."""

        def work(connection: Connection) -> Member | None:
            query = f"SELECT {rows.MEMBER} FROM member WHERE group_id = ? AND user_id = ?"  # noqa: S608 - ours
            found = connection.execute(query, (group_id, user_id)).fetchone()
            return rows.member(found) if found else None

        return await self._database.read(work)


def _condition(wanted: MemberFilter) -> tuple[str, list[object]]:
    """Conditions of ours, and the values that a caller gave; a value never becomes part of the statement."""
    conditions, values = "", list[object]()
    if wanted.role is not None:
        conditions += "AND rank = ? "
        values.append(Role.OWNER - wanted.role)
    if wanted.text:
        conditions += "AND instr(folded, ?) > 0 "
        values.append(wanted.text.casefold())
    if wanted.not_acknowledged:
        conditions += "AND acknowledged < ? "
        values.append(wanted.not_acknowledged)
    if wanted.acknowledged:
        conditions += "AND acknowledged >= ? "
        values.append(wanted.acknowledged)
    return conditions, values
