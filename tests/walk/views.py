"""What a user must see of a conversation, by the model."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.walk.model import Chat, Entry, Model


@dataclass(frozen=True)
class Summary:
    """A conversation in the list of a user. `peer_read` is None where it is not judged."""

    head: int
    first: int
    left: int
    read: int
    unread: int
    mentions: int
    peer_read: int | None
    last: int
    pinned: bool
    muted: bool
    archived: bool
    marked: bool
    draft: str
    remark: str
    days: int


def bounds(chat: Chat, user: str) -> tuple[int, int]:
    """First and last seq that the user sees."""
    place = chat.places[user]
    return max(place.first, chat.own(user).cleared + 1), place.left or chat.head


def seen(chat: Chat, user: str) -> Iterator[Entry]:
    """The entries that stand in the user's history, hidden ones included."""
    first, last = bounds(chat, user)
    return iter(chat.log[first - 1 : last])


def hidden(chat: Chat, user: str, entry: Entry) -> bool:
    """Whether the user has hidden an entry."""
    return entry.seq in chat.own(user).hidden


def shown(chat: Chat, user: str) -> list[Entry]:
    """The entries that are shown to the user."""
    return [entry for entry in seen(chat, user) if not hidden(chat, user, entry)]


def posts(chat: Chat, user: str) -> list[Entry]:
    """The posts that are shown to the user and were not taken back."""
    return [entry for entry in shown(chat, user) if entry.kind == "post" and not entry.gone]


def edit_of(chat: Chat, user: str, post: Entry) -> Entry | None:
    """The newest edit of a post that the user sees."""
    last = bounds(chat, user)[1]
    edits = [one for one in chat.log[:last] if one.kind == "edit" and one.target == post.seq]
    return edits[-1] if edits else None


def body(chat: Chat, user: str, post: Entry) -> bytes:
    """What a post shows at present."""
    edit = edit_of(chat, user, post)
    return edit.body if edit is not None else post.body


def reactions(chat: Chat, user: str, post: Entry) -> dict[str, set[str]]:
    """Who reacted to a post, by reaction."""
    found: dict[str, set[str]] = {}
    last = bounds(chat, user)[1]
    for one in chat.log[:last]:
        if one.kind == "reaction" and one.target == post.seq:
            users = found.setdefault(one.name, set())
            users.discard(one.sender) if one.removed else users.add(one.sender)
    return {name: users for name, users in found.items() if users}


def pins(chat: Chat, user: str) -> list[int]:
    """Seqs of the pinned posts, the one pinned last first."""
    order: list[int] = []
    first, last = bounds(chat, user)
    for one in chat.log[:last]:
        if one.kind == "pin":
            order = [seq for seq in order if seq != one.target]
            order += [] if one.removed else [one.target]
    shown_posts = {post.seq for post in posts(chat, user)}
    return [seq for seq in reversed(order) if seq in shown_posts and seq >= first]


def unread(chat: Chat, user: str, after: int) -> list[Entry]:
    """Posts of others behind a place."""
    return [post for post in posts(chat, user) if post.sender != user and post.seq > after]


def archived(chat: Chat, user: str) -> bool:
    """Put away, and nobody else has written since, or it is muted."""
    own = chat.own(user)
    return own.archived_at >= 0 and (own.muted or not unread(chat, user, own.archived_at))


def listed(chat: Chat, user: str) -> bool:
    """On the list: not deleted, or something was posted since, or they came in since."""
    own, place = chat.own(user), chat.places[user]
    return not own.deleted or bool(posts(chat, user)) or (place.present and place.joined > own.cleared)


def summary(model: Model, chat: Chat, user: str) -> Summary:
    """What the list says of a conversation."""
    place, own = chat.places[user], chat.own(user)
    first, last = bounds(chat, user)
    waiting = unread(chat, user, place.read)
    addressed = [post for post in waiting if post.everyone or user in post.mentions]
    there = shown(chat, user)
    return Summary(
        last,
        first,
        place.left,
        place.read,
        len(waiting),
        len(addressed),
        _peer_read(model, chat, user),
        there[-1].seq if there else 0,
        own.pinned,
        own.muted,
        archived(chat, user),
        own.unread_at >= place.read,
        own.draft,
        own.remark,
        chat.days,
    )


def _peer_read(model: Model, chat: Chat, user: str) -> int | None:
    if chat.group is not None:
        return 0
    peer = next(one for one in chat.users if one != user)
    if model.apart(chat.users):
        return None
    hides = user in model.hides_reads or peer in model.hides_reads
    return 0 if hides else chat.places[peer].read


def found(chat: Chat, user: str, word: str) -> tuple[list[int], set[int]]:
    """Seqs of the posts that a word finds, the newest text first; and those of which it is not said.

    Not said: for who has left, posts that were edited since.
    """
    hits: list[tuple[int, int]] = []
    unsaid: set[int] = set()
    for post in posts(chat, user):
        edit = edit_of(chat, user, post)
        text = edit or post
        if word in text.words:
            hits.append((text.seq, post.seq))
        if any(one.kind == "edit" and one.target == post.seq for one in chat.log[bounds(chat, user)[1] :]):
            unsaid.add(post.seq)
    return [seq for _, seq in sorted(hits, reverse=True)], unsaid


def readers(model: Model, chat: Chat, post: Entry) -> tuple[int, int] | None:
    """How many have read a post and how many have not, as its sender is told; None: it is not told."""
    sender = chat.places[post.sender]
    if not sender.present or post.sender in model.hides_reads:
        return None
    others = [
        place
        for user, place in chat.places.items()
        if user != post.sender and place.present and place.first <= post.seq and user not in model.hides_reads
    ]
    read = sum(place.read >= post.seq for place in others)
    return read, len(others) - read
