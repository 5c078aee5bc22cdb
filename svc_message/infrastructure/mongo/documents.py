"""Entries and members as documents, and back. The fields are those of `schema`."""

from typing import Final

from mesh.infrastructure.mongo import Document
from svc_message.domain.conversation import ConversationId, Membership, Role, Seq, waits_to_be_read
from svc_message.domain.entry import EntryKind, Row, Stored
from svc_message.infrastructure.mongo.effects import concerned, effect_of

EVERYONE: Final = "*"
"""Among the users that a post addresses: all of them."""

MAX_SEQ: Final = 2**63 - 1
"""The largest number of a document; a contract's uint64 may say more."""

HEAD: Final = dict.fromkeys(("c", "q", "d", "n", "s", "k", "a", "e"), 1) | {"_id": 0}
"""What of an entry is read, to make it a `Stored`."""


def document_of(row: Row) -> Document:
    """What is inserted for a row."""
    draft = row.draft
    document: Document = {
        "c": draft.conversation_id,
        "q": row.seq,
        "d": draft.device_id,
        "n": draft.client_message_id,
        "s": draft.sender_id,
        "k": int(draft.kind),
        "a": row.sent_at_ms,
        "e": row.entry,
    }
    if draft.kind is not EntryKind.POST and draft.target_seq:
        document["t"] = draft.target_seq
    if mentioned := [*draft.mentions, *([EVERYONE] if draft.mentions_all else ())]:
        document["m"] = mentioned
    if draft.group and draft.group.expires_after_ms:
        after_ms = draft.group.expires_after_ms
        document |= {"y": 0 if waits_to_be_read(draft.conversation_id) else row.sent_at_ms + after_ms, "ya": after_ms}
    if effect := effect_of(row):
        document |= {"w": concerned(draft.conversation_id, effect), "x": effect}
    return document


def stored_of(document: Document) -> Stored:
    """The entry of a document that was read with `HEAD`."""
    return Stored(
        conversation_id=document["c"],
        seq=document["q"],
        device_id=document["d"],
        client_message_id=document["n"],
        sender_id=document["s"],
        kind=EntryKind(document["k"]),
        sent_at_ms=document["a"],
        entry=document["e"],
    )


def place_of(document: Document) -> tuple[ConversationId, Membership]:
    """The conversation and the membership of a member."""
    return document["c"], Membership(
        user_id=document["u"],
        join_seq=Seq(document["j"]),
        first_seq=Seq(document["f"]),
        left_seq=Seq(document["l"]),
        role=Role(document["r"]),
        muted_until_ms=document["m"],
        read_seq=Seq(document["d"]),
        received_seq=Seq(document["g"]),
        addressed_before=Seq(document.get("b", 0)),
    )
