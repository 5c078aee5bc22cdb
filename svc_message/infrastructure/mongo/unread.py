"""Counts of what a user has not read, from the index of places."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from mesh.infrastructure.mongo import Document, pieces
from svc_message.domain.conversation import UserId
from svc_message.domain.entry import EntryKind
from svc_message.domain.ports import Unread, UnreadAsk
from svc_message.infrastructure.mongo.documents import EVERYONE, MAX_SEQ

AT_ONCE: Final = 16
"""Counts at the same time. Each has a limit of its own, which one question for all could not have."""


async def count(
    entries: AsyncCollection[Document], user_id: UserId, asks: Sequence[UnreadAsk], limit: int
) -> list[Unread]:
    """See `svc_message.domain.ports.Members.unread`."""
    counted: list[Unread] = []
    for some in pieces(asks, AT_ONCE):
        counted += await asyncio.gather(*(_one(entries, user_id, ask, limit) for ask in some))
    return counted


async def _one(entries: AsyncCollection[Document], user_id: UserId, ask: UnreadAsk, limit: int) -> Unread:
    if limit <= 0 or ask.after >= min(ask.last, MAX_SEQ):
        return Unread()
    found = await (await entries.aggregate(_steps(user_id, ask, limit))).to_list()
    return Unread(found[0]["posts"], found[0]["mentions"]) if found else Unread()


def _steps(user_id: UserId, ask: UnreadAsk, limit: int) -> list[dict[str, Any]]:
    stretch: dict[str, Any] = {"$gt": ask.after, "$lte": min(ask.last, MAX_SEQ)}
    if ask.without:
        stretch["$nin"] = [seq for seq in ask.without if ask.after < seq <= ask.last]
    addressed = {"$setIntersection": [{"$ifNull": ["$m", []]}, {"$literal": [user_id, EVERYONE]}]}
    return [
        {"$match": {"c": ask.conversation_id, "q": stretch, "k": int(EntryKind.POST), "s": {"$ne": user_id}}},
        {"$sort": {"c": 1, "q": 1}},
        {"$limit": limit},
        {
            "$group": {
                "_id": None,
                "posts": {"$sum": 1},
                "mentions": {"$sum": {"$cond": [{"$gt": [{"$size": addressed}, 0]}, 1, 0]}},
            }
        },
    ]
