"""Positions that rise."""

from collections.abc import Collection, Sequence
from typing import Final

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from mesh.infrastructure.mongo import Document, pieces
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.ports import Mark
from svc_message.infrastructure.mongo.waiting import Waiting

SOME: Final = 100
"""Members of one question, each by a unique index."""

Place = tuple[UserId, ConversationId]
"""A user and a conversation."""


async def advance(
    members: AsyncCollection[Document], waiting: Waiting, marks: Sequence[Mark]
) -> list[tuple[Mark, bool]]:
    """See `svc_message.domain.ports.Members.advance`.

    Three steps for all marks together: where they stand, what rises, and one bulk of `$max`, which cannot lower what
    another node has raised meanwhile. How they stand is then told as of the first step with these marks on top.
    """
    standing = await _standing(members, waiting, {(mark.user_id, mark.conversation_id) for mark in marks})
    answers = [_raise(standing, mark) for mark in marks]
    rising = {(now.user_id, now.conversation_id): now for now, rose in answers if rose}
    if rising:
        await members.bulk_write([_update(mark) for mark in rising.values()], ordered=False)
    return answers


async def _standing(
    members: AsyncCollection[Document], waiting: Waiting, places: Collection[Place]
) -> dict[Place, Mark]:
    standing = await _read(members, places)
    absent = [place for place in places if place not in standing]
    # Whoever is not there may be about to come: the entry that says so may be there already.
    if absent and await waiting.settle({conversation_id for _, conversation_id in absent}):
        standing |= await _read(members, absent)
    return standing


async def _read(members: AsyncCollection[Document], places: Collection[Place]) -> dict[Place, Mark]:
    found: list[Document] = []
    for some in pieces(places, SOME):
        names = [{"u": user_id, "c": conversation_id} for user_id, conversation_id in some]
        found += await members.find({"$or": names}, {"_id": 0, "u": 1, "c": 1, "d": 1, "g": 1}).to_list()
    return {(one["u"], one["c"]): Mark(one["c"], one["u"], Seq(one["d"]), Seq(one["g"])) for one in found}


def _raise(standing: dict[Place, Mark], mark: Mark) -> tuple[Mark, bool]:
    """Where this mark leads, and whether that is further than before. What was read was received."""
    before = standing.get((mark.user_id, mark.conversation_id))
    if before is None:
        return mark, False
    read = max(before.read_seq, mark.read_seq)
    received = max(before.received_seq, mark.read_seq, mark.received_seq)
    now = Mark(mark.conversation_id, mark.user_id, read, received)
    standing[mark.user_id, mark.conversation_id] = now
    return now, now != before


def _update(mark: Mark) -> UpdateOne:
    raised = {"$max": {"d": mark.read_seq, "g": mark.received_seq}}
    return UpdateOne({"u": mark.user_id, "c": mark.conversation_id}, raised)
