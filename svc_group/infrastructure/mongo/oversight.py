"""`AllGroups` on MongoDB."""

import re

from mesh.infrastructure.mongo import Database, Document
from svc_group.domain.group import Group
from svc_group.domain.oversight import Wanted
from svc_group.infrastructure.mongo import documents


class MongoAllGroups:
    """All groups of the database."""

    def __init__(self, database: Database) -> None:
        self._teams = database.collection("team")
        self._database = database

    async def find(self, wanted: Wanted) -> list[Group]:
        """See the port."""
        where: Document = {"group": {"$exists": True}}
        if wanted.before_id:
            where["_id"] = {"$lt": wanted.before_id}
        if wanted.text:
            where["group.settings.name"] = {"$regex": re.escape(wanted.text), "$options": "i"}
        if wanted.owner_id:
            where["group.owner_id"] = wanted.owner_id
        with self._database.reading():
            found = await self._teams.find(where).sort("_id", -1).limit(wanted.limit).to_list()
        return [group for root in found if (group := documents.group(root)) is not None]
