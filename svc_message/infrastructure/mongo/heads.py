"""The newest places of logs."""

import asyncio
from collections.abc import Collection
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from mesh.infrastructure.mongo import Document, pieces
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.infrastructure.mongo.schema import ENTRY

FEW: Final = 4
"""Logs that are asked one by one: each needs no more than the newest key of an index, but a trip of its own."""

AT_ONCE: Final = 16
"""Such trips at the same time."""

MANY: Final = 100
"""Logs of one question."""

NEWEST: Final[list[dict[str, Any]]] = [
    {"$match": {"$expr": {"$eq": ["$c", "$$c"]}}},
    {"$sort": {"c": -1, "q": -1}},
    {"$limit": 1},
    {"$project": {"_id": 0, "q": 1}},
]
"""One key of the index of places for each log. Grouping by conversation would read them all."""


async def heads(entries: AsyncCollection[Document], ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
    """Newest seq of each log that has entries."""
    found: dict[ConversationId, Seq] = {}
    if len(ids) > FEW:
        for some in pieces(ids, MANY):
            found.update(await _many(entries, some))
    # A log begins at 1, so what is missing here has no entries, or lost its first ones: it must not seem empty then.
    for some in pieces([id_ for id_ in ids if id_ not in found], AT_ONCE):
        newest = await asyncio.gather(*(_one(entries, id_) for id_ in some))
        found.update({id_: seq for id_, seq in zip(some, newest, strict=True) if seq})
    return found


async def _many(entries: AsyncCollection[Document], ids: list[ConversationId]) -> dict[ConversationId, Seq]:
    """Those of the logs that have a first entry: from there it is one step to the last."""
    lookup = {"from": ENTRY, "let": {"c": "$c"}, "pipeline": NEWEST, "as": "newest"}
    steps: list[dict[str, Any]] = [
        {"$match": {"c": {"$in": ids}, "q": 1}},
        {"$project": {"_id": 0, "c": 1}},
        {"$lookup": lookup},
    ]
    found = await (await entries.aggregate(steps)).to_list()
    return {one["c"]: Seq(one["newest"][0]["q"]) for one in found if one["newest"]}


async def _one(entries: AsyncCollection[Document], id_: ConversationId) -> Seq:
    newest = await entries.find_one({"c": id_}, {"_id": 0, "q": 1}, sort=[("c", -1), ("q", -1)])
    return Seq(newest["q"] if newest else 0)
