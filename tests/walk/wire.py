"""Entries as tuples that say what matters, from the model and from the wire, to be compared."""

from collections.abc import Callable, Mapping
from typing import Final

from parley.message.v1 import entry_pb2, notice_pb2
from tests.walk.model import Chat, Entry
from tests.walk.views import hidden

Told = tuple[object, ...]
Cause = notice_pb2.MembershipChange


def expected(chat: Chat, user: str, entry: Entry) -> Told:
    """What this user must get in the place of an entry."""
    if hidden(chat, user, entry):
        return ("hidden",)
    if entry.gone:
        return ("tombstone", entry.gone)
    if entry.kind in _WRITTEN:
        return (entry.kind, entry.sender, entry.target, *_WRITTEN[entry.kind](entry))
    return (entry.kind, entry.sender, entry.told)


def told(entry: entry_pb2.Entry) -> Told:
    """What an entry of the server says."""
    kind = entry.content.WhichOneof("kind") or "nothing"
    return _READERS[kind](entry) if kind in _READERS else (kind,)


def joined(cause: Cause.Cause.ValueType, *users: tuple[str, int]) -> object:
    """Who came, with their roles, as `Entry.told`."""
    return (cause, frozenset(users), frozenset(), frozenset())


def left(cause: Cause.Cause.ValueType, *users: str) -> object:
    """Who went."""
    return (cause, frozenset(), frozenset(users), frozenset())


def updated(*users: tuple[str, int, bool, str]) -> object:
    """Whose role, mute or nickname is another one."""
    return (Cause.CAUSE_UPDATED, frozenset(), frozenset(), frozenset(users))


def _post(entry: entry_pb2.Entry) -> Told:
    post = entry.content.post
    mentions, body = frozenset(post.mentioned_user_ids), post.body.SerializeToString(deterministic=True)
    return ("post", entry.sender_id, post.reply_to_seq, mentions, post.mentions_all, body)


def _edit(entry: entry_pb2.Entry) -> Told:
    edit = entry.content.edit
    return ("edit", entry.sender_id, edit.target_seq, edit.body.SerializeToString(deterministic=True))


def _recall(entry: entry_pb2.Entry) -> Told:
    recall = entry.content.recall
    return ("recall", entry.sender_id, recall.target_seq, recall.expired)


def _reaction(entry: entry_pb2.Entry) -> Told:
    reaction = entry.content.reaction
    return ("reaction", entry.sender_id, reaction.target_seq, reaction.name, reaction.removed)


def _pin(entry: entry_pb2.Entry) -> Told:
    return ("pin", entry.sender_id, entry.content.pin.target_seq, entry.content.pin.removed)


def _membership(entry: entry_pb2.Entry) -> Told:
    change = entry.content.membership
    added = frozenset((one.user_id, int(one.role)) for one in change.added)
    changed = frozenset((one.user_id, int(one.role), one.muted_until_ms > 0, one.nickname) for one in change.updated)
    return ("membership", entry.sender_id, (change.cause, added, frozenset(change.removed_user_ids), changed))


def _group(entry: entry_pb2.Entry) -> Told:
    changed = {field.name: value for field, value in entry.content.group.ListFields()}
    return ("group", entry.sender_id, frozenset(changed.items()))


_WRITTEN: Final[Mapping[str, Callable[[Entry], Told]]] = {
    "post": lambda entry: (entry.mentions, entry.everyone, entry.body),
    "edit": lambda entry: (entry.body,),
    "recall": lambda entry: (entry.expired,),
    "reaction": lambda entry: (entry.name, entry.removed),
    "pin": lambda entry: (entry.removed,),
}

_READERS: Final[Mapping[str, Callable[[entry_pb2.Entry], Told]]] = {
    "post": _post,
    "edit": _edit,
    "recall": _recall,
    "reaction": _reaction,
    "pin": _pin,
    "membership": _membership,
    "group": _group,
    "tombstone": lambda entry: ("tombstone", entry.content.tombstone.recall_seq),
    "retention": lambda entry: ("retention", entry.sender_id, entry.content.retention.days),
}
