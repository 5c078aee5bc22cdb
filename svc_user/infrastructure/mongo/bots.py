"""`svc_user.domain.bot.Bots` on MongoDB: all bots of a user are one document, so one write changes them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document, unavailable
from svc_user.domain.account import UserId
from svc_user.domain.bot import Bot, BotToken

COLLECTION: Final = "bots"

TRIES: Final = 50
"""How often a change begins again. Each time another one of the same owner was kept."""


async def create_bots(database: AsyncDatabase[Document]) -> None:
    """A migration step."""
    await database[COLLECTION].create_indexes([IndexModel("bots.bot_id", sparse=True)])


class MongoBots:
    """Bots by their owner."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bots = database.collection(COLLECTION)

    async def of_owner(self, owner_id: UserId) -> list[Bot]:
        """See the port."""
        with self._database.reading():
            return _owned(await self._bots.find_one({"_id": owner_id}))

    async def get(self, bot_id: UserId) -> Bot | None:
        """See the port."""
        with self._database.reading():
            found = await self._bots.find_one({"bots.bot_id": bot_id})
        return next((bot for bot in _owned(found) if bot.bot_id == bot_id), None)

    async def after(self, bot_id: str, limit: int) -> list[UserId]:
        """See the port."""
        later: Document = {"$match": {"bots.bot_id": {"$gt": bot_id}}}
        steps: list[Document] = [later, {"$unwind": "$bots"}, later, {"$sort": {"bots.bot_id": 1}}, {"$limit": limit}]
        with self._database.reading():
            found = await (await self._bots.aggregate(steps)).to_list()
        return [UserId(one["bots"]["bot_id"]) for one in found]

    async def change(self, owner_id: UserId, decide: Callable[[Sequence[Bot]], Sequence[Bot]]) -> None:
        """See the port."""
        for _ in range(TRIES):
            with self._database.reading():
                found = await self._bots.find_one({"_id": owner_id})
            bots = [_fields(bot) for bot in sorted(decide(_owned(found)), key=lambda bot: bot.created_at_ms)]
            if await self._kept(owner_id, found, bots):
                return
        raise unavailable()

    async def _kept(self, owner_id: UserId, found: Document | None, bots: list[dict[str, Any]]) -> bool:
        """Whether the bots are kept: not if somebody else changed them meanwhile. A list without any has no field."""
        with self._database.writing():
            if found is None:
                try:
                    await self._bots.insert_one({"_id": owner_id, "rev": 1} | ({"bots": bots} if bots else {}))
                except DuplicateKeyError:
                    return False
                return True
            update: Document = {"$set": {"rev": found["rev"] + 1, "bots": bots}}
            if not bots:
                update = {"$set": {"rev": found["rev"] + 1}, "$unset": {"bots": ""}}
            return (await self._bots.update_one({"_id": owner_id, "rev": found["rev"]}, update)).matched_count == 1


def _owned(found: Document | None) -> list[Bot]:
    return [_bot(found["_id"], one) for one in found.get("bots", ())] if found else []


def _fields(bot: Bot) -> dict[str, Any]:
    fields = asdict(bot)
    del fields["owner_id"]
    return {**fields, "tokens": [{**asdict(token), "scopes": list(token.scopes)} for token in bot.tokens]}


def _bot(owner_id: str, found: Document) -> Bot:
    tokens = tuple(BotToken(**{**token, "scopes": tuple(token["scopes"])}) for token in found["tokens"])
    return Bot(found["bot_id"], UserId(owner_id), found["created_at_ms"], tokens)
