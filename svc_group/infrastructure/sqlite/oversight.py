"""`AllGroups` in SQLite."""

from typing import Any

from mesh.infrastructure.sqlite import Database
from svc_group.domain.group import Group
from svc_group.domain.oversight import Wanted
from svc_group.infrastructure.sqlite import rows


class SqliteAllGroups:
    """All groups of the file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, wanted: Wanted) -> list[Group]:
        """See the port."""
        asked: list[tuple[str, Any]] = [("id < ?", wanted.before_id or "h")]
        if wanted.text:
            asked.append(("instr(lower(json_extract(settings, '$.name')), lower(?)) > 0", wanted.text))
        if wanted.owner_id:
            asked.append(("owner_id = ?", wanted.owner_id))
        where = " AND ".join(condition for condition, _ in asked)
        sql = f"SELECT {rows.GROUP} FROM team WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - names only
        values = (*(value for _, value in asked), wanted.limit)
        found = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [rows.group(cells) for cells in found]
