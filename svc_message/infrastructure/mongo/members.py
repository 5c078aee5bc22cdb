"""`svc_message.domain.ports.Members` on MongoDB."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import (
    ConversationId,
    ConversationKind,
    GroupRights,
    Membership,
    Seq,
    UserId,
    kind_of,
    peer_of,
)
from svc_message.domain.own import OPEN, Veil
from svc_message.domain.ports import Mark, Standing, Unread, UnreadAsk
from svc_message.infrastructure.mongo import marks as positions
from svc_message.infrastructure.mongo import unread
from svc_message.infrastructure.mongo.documents import place_of
from svc_message.infrastructure.mongo.heads import heads
from svc_message.infrastructure.mongo.schema import CONVERSATION, ENTRY, MEMBER, OWN
from svc_message.infrastructure.mongo.waiting import Waiting
from svc_message.infrastructure.records import veil_of

SOME: Final = 500
"""Direct chats whose other sides are read in one question."""


class MongoMembers:
    """Who is in which conversation, and how far they are. What waits to change it is changed before it is read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._members = database.collection(MEMBER)
        self._conversations = database.collection(CONVERSATION)
        self._owns = database.collection(OWN)
        self._waiting = Waiting(database)

    async def of_conversation(self, conversation_id: ConversationId) -> list[Membership]:
        """See the port."""
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            found = await self._members.find({"c": conversation_id, "l": 0}).to_list()
        return [place_of(member)[1] for member in found]

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        with self._database.reading():
            await self._waiting.settle_user(user_id)
            return await self._seen(await self._places({"u": user_id}))

    async def peers(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        return await self._peers(user_id, await self.of_user(user_id))

    async def standings(self, user_id: UserId) -> list[Standing]:
        """See the port.

        Not one look, but in an order that shows nobody more than they may see: heads first, then whatever changes the
        places up to these heads, then the places.
        """
        with self._database.reading():
            ends = await self._ends(user_id)
            while await self._waiting.settle_user(user_id):
                ends = await self._ends(user_id)
            places = await self._places({"u": user_id})
            cuts = await self._cuts(places)
            veils = await self._veils(user_id)
        peers = await self._peers(user_id, places)
        return [
            _standing(id_, ends[id_], places[id_], peers.get(id_), cuts.get(id_, Seq(0)), veils.get(id_, OPEN))
            for id_ in places
            if id_ in ends
        ]

    async def one(self, conversation_id: ConversationId, user_id: UserId) -> Membership | None:
        """See the port."""
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            places = await self._seen(await self._places({"u": user_id, "c": conversation_id}))
        return places.get(conversation_id)

    async def group_rights(self, conversation_id: ConversationId) -> GroupRights:
        """See the port."""
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            found = await self._conversations.find_one({"_id": conversation_id}) or Document()
        muted, mention, pin, receipts, closed = (bool(found.get(field)) for field in ("p", "o", "i", "rc", "su"))
        return GroupRights(muted, mention, pin, found.get("s") or 0, receipts, closed)

    async def advance(self, marks: Sequence[Mark]) -> list[tuple[Mark, bool]]:
        """See the port."""
        with self._database.writing():
            return await positions.advance(self._members, self._waiting, marks)

    async def unread(self, user_id: UserId, asks: Sequence[UnreadAsk], limit: int) -> list[Unread]:
        """See the port."""
        with self._database.reading():
            await self._waiting.settle({ask.conversation_id for ask in asks})
            return await unread.count(self._entries, user_id, asks, limit)

    async def _ends(self, user_id: UserId) -> dict[ConversationId, Seq]:
        """The heads of the logs that the user has a place in; the index of places says which without a document."""
        found = await self._members.find({"u": user_id}, {"_id": 0, "c": 1}).to_list()
        return await heads(self._entries, [one["c"] for one in found])

    async def _cuts(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """Where logs begin whose first entries were removed."""
        cuts: dict[ConversationId, Seq] = {}
        for some in pieces(ids, SOME):
            wanted = {"_id": {"$in": some}, "k": {"$gt": 0}}
            cuts |= {one["_id"]: Seq(one["k"]) async for one in self._conversations.find(wanted, {"k": 1})}
        return cuts

    async def _seen(self, places: dict[ConversationId, Membership]) -> dict[ConversationId, Membership]:
        """The places with what is still there of their logs."""
        cuts = await self._cuts(places)
        raised = {id_: replace(places[id_], first_seq=max(places[id_].first_seq, cut)) for id_, cut in cuts.items()}
        return places | raised

    async def _veils(self, user_id: UserId) -> dict[ConversationId, Veil]:
        """What the user has hidden."""
        found = self._owns.find({"u": user_id}, {"_id": 0, "c": 1, "k": 1, "h": 1})
        return {one["c"]: veil_of(one["k"], one["h"]) async for one in found if one["k"] or one["h"]}

    async def _places(self, wanted: dict[str, Any]) -> dict[ConversationId, Membership]:
        return dict(place_of(member) for member in await self._members.find(wanted).to_list())

    async def _peers(
        self, user_id: UserId, places: Mapping[ConversationId, Membership]
    ) -> dict[ConversationId, Membership]:
        """The other sides of the direct chats: their ids name them, so each is found in its own shard."""
        direct = {id_: peer_of(id_, user_id) for id_ in places if kind_of(id_) is ConversationKind.DIRECT}
        found: dict[ConversationId, Membership] = {}
        with self._database.reading():
            for some in pieces([id_ for id_, peer in direct.items() if peer != user_id], SOME):
                found |= await self._places({"u": {"$in": [direct[id_] for id_ in some]}, "c": {"$in": some}})
        return found


def _standing(
    id_: ConversationId, head: Seq, place: Membership, peer: Membership | None, cut: Seq, veil: Veil
) -> Standing:
    peer_read_seq = peer.read_seq if peer else Seq(0)
    seqs = (place.join_seq, place.first_seq, place.left_seq, place.read_seq, peer_read_seq)
    return Standing(id_, head, *seqs, cut_seq=cut, veil=veil, addressed_before=place.addressed_before)
