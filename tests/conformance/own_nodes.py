"""What users have for themselves, and what happens at its time, as two processes have the store of it open."""

from dataclasses import dataclass, replace

from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, GroupDelta, Row
from svc_message.domain.own import Own
from svc_message.domain.timing.schedule import Scheduled
from svc_message.infrastructure.store import Store

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
CHAT, OTHER, SELF = direct_id(ANN, BOB), direct_id(ANN, EVE), direct_id(ANN, ANN)
PHONE = DeviceId("d" + "1" * 15)
NOW = 1_000_000_000_000


@dataclass(frozen=True)
class Nodes:
    """One store as two processes see it."""

    ours: Store
    theirs: Store


def row(
    conversation_id: ConversationId,
    seq: int,
    *,
    sent_at_ms: int = NOW,
    group: GroupDelta | None = None,
    sender: UserId = ANN,
    mentions: tuple[UserId, ...] = (),
) -> Row:
    """A post."""
    content = f"{conversation_id} {seq}".encode()
    draft = Draft(conversation_id, sender, PHONE, seq, EntryKind.POST, content, mentions=mentions, group=group)
    return Row(draft, Seq(seq), sent_at_ms, b"entry " + content)


async def begin(store: Store, *ids: ConversationId, seqs: int = 1) -> None:
    """Let these conversations exist."""
    await store.log.append([row(id_, seq) for seq in range(1, seqs + 1) for id_ in ids])


def record(version: int = 1, **fields: object) -> Own:
    return replace(Own(ANN, CHAT, version), **fields)  # type: ignore[arg-type]


def scheduled(number: int, user: UserId = ANN, at: int = NOW, send: bytes = b"send") -> Scheduled:
    return Scheduled(user, PHONE, CHAT, number, at, send)
