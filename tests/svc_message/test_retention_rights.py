"""Who may set retention is judged by what stands in front of the entry that does it."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.settings import Secret
from svc_message.application.service_append import ServiceAppend
from svc_message.application.sync.memory import Memory
from svc_message.application.timing.retain import Retention
from svc_message.domain.conversation import ConversationId, Membership, Role, Seq
from svc_message.domain.entry import GroupDelta, MembershipDelta
from svc_message.domain.timing.retention import Kept
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.notices import ProtobufNotices
from svc_message.infrastructure.store import Store, open_store
from tests.conformance.log_nodes import ANN, TEAM, Node, joining, row
from tests.svc_message.test_terms import writer


@dataclass
class Interrupted:
    """What a store keeps of retention; something happens while it is asked."""

    store: Store
    meanwhile: Callable[[], Awaitable[object]]

    async def days(self, ids: Collection[ConversationId]) -> dict[ConversationId, int]:
        """Answer, after that."""
        await self.meanwhile()
        return await self.store.retentions.days(ids)

    async def due(self, now_ms: int, after: str, limit: int) -> list[Kept]:
        """As it is kept."""
        return await self.store.retentions.due(now_ms, after, limit)

    async def cut(self, conversation_id: ConversationId, seq: Seq, entry: bytes) -> None:
        """As it is kept."""
        await self.store.retentions.cut(conversation_id, seq, entry)


@pytest.mark.parametrize(
    "rule,reason",
    [
        (GroupDelta(suspended=True), "GROUP_SUSPENDED"),
        (MembershipDelta(updated=(Membership(ANN, Seq(1), Seq(1)),)), "NOT_ALLOWED"),
        (MembershipDelta(removed=(ANN,)), "CONVERSATION_NOT_FOUND"),
    ],
)
async def test_retention_is_set_by_who_may_when_it_stands(
    tmp_path: Path, rule: GroupDelta | MembershipDelta, reason: str
) -> None:
    """An owner who is judged, and then is none any more or in a closed group, sets no retention behind that entry."""
    async with (
        open_store(f"sqlite:{tmp_path}/message.db", Secret()) as store,
        writer(Node(store.log, store.members)) as at,
    ):
        await store.log.append([row(TEAM, 1, members=joining(1, ANN, role=Role.OWNER))])
        team, memory = await at.knows(), Memory(store.log, store.members)
        append = ServiceAppend(at.conversations, at.appender, store.log, SystemClock())
        interrupted = Interrupted(store, lambda: at.tell(team, rule))
        parts = (store.log, at.conversations, memory, append, ProtobufCodec(), ProtobufNotices())
        with pytest.raises(MeshError) as refused:
            await Retention(interrupted, *parts).set(ANN, TEAM, 7)
        assert (refused.value.reason, await store.retentions.days([TEAM])) == (reason, {})
        assert (await store.log.heads([TEAM]))[TEAM] == 2
