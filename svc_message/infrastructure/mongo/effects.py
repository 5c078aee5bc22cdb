"""What an entry changes besides the log: written down in its own document, and made of it again and again.

An effect is inserted with its entry, in one document, so neither is there without the other. Making the changes is
repeatable and minds no order of those who make them: whatever is changed knows the last entry that changed it (`v`,
for tombstones `z`), and an older one does nothing. Each of those who make changes makes those of one conversation in
the order of their entries and leaves none out.

    a added: [user, join seq, first seq, role, muted until] · r removed: users · u updated: [user, role, muted until]
    of bots both go on with: before which entry they see what is addressed to them
    p all are muted · o all may address everyone · i all may pin · s slow mode, seconds · rc receipts of single members
    su nobody may write
    rd days that entries are kept · rs since when, ms
    t tombstones: [seq, encoded entry]
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pymongo import UpdateOne

from mesh.infrastructure.mongo import Document
from svc_message.domain.conversation import (
    ConversationId,
    ConversationKind,
    Membership,
    Role,
    UserId,
    direct_users,
    kind_of,
)
from svc_message.domain.entry import EntryKind, GroupDelta, MembershipDelta, Row

NO_MARKS: Final = {"d": 0, "g": 0}
"""Marks of a new member; whoever comes back keeps theirs."""


class Change(NamedTuple):
    """What an entry does to one member: `fields` are set when `when` holds. `adds`: the member need not be there."""

    user_id: UserId
    conversation_id: ConversationId
    seq: int
    when: Document
    fields: Document
    adds: bool = False
    opens_at: int = 0
    """A bot sees all from this entry on, unless from an earlier one; 0: this says nothing of it."""

    def first(self) -> UpdateOne:
        """Make the member, unless there is one already."""
        fresh = self.fields | NO_MARKS
        return UpdateOne({"u": self.user_id, "c": self.conversation_id}, {"$setOnInsert": fresh}, upsert=True)

    def again(self) -> UpdateOne:
        """Change the member, unless this or a newer entry has done so already."""
        older = {"u": self.user_id, "c": self.conversation_id, "v": {"$lt": self.seq}}
        opens: Document = {"$min": {"b": self.opens_at}} if self.opens_at else {}
        return UpdateOne(older | self.when, {"$set": self.fields} | opens)


def effect_of(row: Row) -> Document:
    """What the row changes; empty for most."""
    draft, effect = row.draft, Document()
    if draft.members is not None:
        effect |= _members(draft.members)
    elif row.seq == 1:
        effect |= _first_members(draft.conversation_id)
    if draft.group is not None:
        effect |= _rights(draft.group, row.sent_at_ms)
    if row.tombstones:
        effect["t"] = [list(tombstone) for tombstone in row.tombstones]
    return effect


def concerned(conversation_id: ConversationId, effect: Document) -> list[str]:
    """By what an entry that waits is found: its conversation, and the users whose places it changes."""
    users = [one[0] for field in ("a", "u") for one in effect.get(field, ())]
    return list(dict.fromkeys([conversation_id, *users, *effect.get("r", ())]))


def changes(entry: Document) -> list[Change]:
    """What an entry does to members, in order. Each change of a member closes it to older entries, the last one to
    this entry too.
    """
    found = list(_changes(entry))
    for change in {change.user_id: change for change in found}.values():
        change.fields["v"] = entry["q"]
    return found


def rights(entry: Document) -> UpdateOne | None:
    """What an entry does to the rights of a group."""
    fields = {field: entry["x"][field] for field in ("p", "o", "i", "s", "rc", "su", "rd", "rs") if field in entry["x"]}
    if not fields:
        return None
    older = {"_id": entry["c"], "v": {"$lt": entry["q"]}}
    return UpdateOne(older, {"$set": fields | {"v": entry["q"]}})


def tombstones(entry: Document) -> list[UpdateOne]:
    """What a recall does to the post and its edits: their bodies are gone from the store."""
    kind, conversation_id, seq = int(EntryKind.TOMBSTONE), entry["c"], entry["q"]
    return [
        UpdateOne(
            {"c": conversation_id, "q": target, "z": {"$not": {"$gte": seq}}},
            {"$set": {"k": kind, "e": body, "z": seq}, "$unset": {"m": "", "f": ""}},
        )
        for target, body in entry["x"].get("t", ())
    ]


def _changes(entry: Document) -> Iterator[Change]:
    conversation_id, seq, effect = entry["c"], entry["q"], entry["x"]
    for user_id, join, first, role, muted, *bot in effect.get("a", ()):
        fields = {"j": join, "f": first, "l": 0, "r": role, "m": muted, "v": seq - 1, **_shown(bot)}
        yield Change(user_id, conversation_id, seq, {}, fields, adds=True)
    for user_id in effect.get("r", ()):
        yield Change(user_id, conversation_id, seq, {"l": 0}, {"l": seq, "v": seq - 1})
    for user_id, role, muted, *bot in effect.get("u", ()):
        fields = {"r": role, "m": muted, "v": seq - 1}
        if bot and role > Role.MEMBER:
            yield Change(user_id, conversation_id, seq, {}, fields, opens_at=seq)
        else:
            yield Change(user_id, conversation_id, seq, {}, fields | _shown(bot))


def _shown(bot: Sequence[int]) -> Document:
    """The field of a bot; a person has none, so that `$min` makes one of a member who was not known as a bot."""
    return {"b": bot[0]} if bot else {}


def _members(delta: MembershipDelta) -> Document:
    effect: Document = {
        "a": [[one.user_id, one.join_seq, one.first_seq, *_now(one)] for one in delta.added],
        "r": list(delta.removed),
        "u": [[one.user_id, *_now(one)] for one in delta.updated],
    }
    return {field: value for field, value in effect.items() if value}


def _now(member: Membership) -> list[int]:
    bot = [member.addressed_before] if member.addressed_before else []
    return [int(member.role), member.muted_until_ms, *bot]


def _first_members(conversation_id: ConversationId) -> Document:
    """The members of direct chats and personal logs are there from the first entry on."""
    kind = kind_of(conversation_id)
    if kind is ConversationKind.DIRECT:
        users = sorted(direct_users(conversation_id))
    elif kind is ConversationKind.PERSONAL:
        users = [UserId(conversation_id)]
    else:
        return {}
    return {"a": [[user_id, 0, 1, int(Role.MEMBER), 0] for user_id in users]}


def _rights(delta: GroupDelta, sent_at_ms: int) -> Document:
    since = None if delta.retention_days is None else sent_at_ms
    effect = {"p": delta.muted_all, "o": delta.mention_all_open, "i": delta.pin_open, "s": delta.slow_mode_seconds}
    effect |= {"rc": delta.member_receipts, "su": delta.suspended, "rd": delta.retention_days, "rs": since}
    return {field: value for field, value in effect.items() if value is not None}
