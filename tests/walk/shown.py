"""What a device shows, from the entries that it was handed, held against the model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from parley.message.v1 import entry_pb2, notice_pb2
from tests.journeys.people import Device
from tests.walk import views
from tests.walk.model import Chat
from tests.walk.walk import PATIENCE, DisagreementError, Walk
from tests.walk.wire import told


@dataclass
class Screen:
    """A conversation as an app shows it that takes in each entry."""

    bodies: dict[int, bytes] = field(default_factory=dict)
    """Posts by place, in their present form."""
    gone: set[int] = field(default_factory=set)
    """Posts that were taken back, or came as tombstones."""
    reactions: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)

    def take(self, entry: entry_pb2.Entry) -> None:
        """Show one more entry."""
        content, seq = entry.content, entry.seq
        match content.WhichOneof("kind"):
            case "post":
                self.bodies[seq] = content.post.body.SerializeToString(deterministic=True)
            case "edit":
                if content.edit.target_seq in self.bodies:
                    self.bodies[content.edit.target_seq] = content.edit.body.SerializeToString(deterministic=True)
            case "recall":
                self.bodies.pop(content.recall.target_seq, None)
                self.gone.add(content.recall.target_seq)
            case "reaction":
                reaction = content.reaction
                users = self.reactions.setdefault(reaction.target_seq, set())
                change = users.discard if reaction.removed else users.add
                change((entry.sender_id, reaction.name))
            case "tombstone":
                self.gone.add(seq)
            case "hidden":
                self.hidden.add(seq)


async def caught_up(walk: Walk, device: Device) -> None:
    """Wait until the device has the end of each conversation, and look at all that it shows."""
    for chat in list(walk.model.of(device.user_id)):
        first, last = views.bounds(chat, device.user_id)
        if first <= last:
            await _until(device, chat, last)
        _look(walk, device, chat)
    await _personal(walk, device)
    walk.same(f"{device.username} shows no other conversation", set(), set(device.shown) - _known(walk, device))


def _known(walk: Walk, device: Device) -> set[str]:
    return {device.user_id} | {chat.id for chat in walk.model.of(device.user_id)}


async def _until(device: Device, chat: Chat, last: int) -> None:
    try:
        await device.until(lambda: last in device.seqs(chat.id)[-1:], f"{last} of {chat.id}", PATIENCE)
    except AssertionError:
        seqs = device.seqs(chat.id)[-5:]
        raise DisagreementError(f"{device.username} does not come to {last} of {chat.id}; it has {seqs}") from None


def _look(walk: Walk, device: Device, chat: Chat) -> None:
    user, where = device.user_id, f"{chat.id} on a device of {walk.name(device.user_id)}"
    seqs = device.seqs(chat.id)
    walk.same(f"order of {where}", sorted(set(seqs)), seqs)
    first, last = views.bounds(chat, user)
    walk.same(f"{where} goes beyond the end", [], [seq for seq in seqs if seq > last])
    allowed = chat.places[user].missed | set(range(chat.own(user).cleared + 1))
    begun = {*range(first, seqs[0])} if seqs and first <= last and not chat.places[user].missed else set()
    holes = (begun | {seq for one, other in pairwise(seqs) for seq in range(one + 1, other)}) - allowed
    walk.same(f"holes of {where}", set(), holes)
    _contents(walk, chat, user, device.shown[chat.id], where)


def _contents(walk: Walk, chat: Chat, user: str, entries: Iterable[entry_pb2.Entry], where: str) -> None:
    screen = Screen()
    for entry in entries:
        screen.take(entry)
    there = {entry.seq for entry in entries}
    for post in views.posts(chat, user):
        if post.seq not in there:
            continue
        model = views.body(chat, user, post)
        walk.same(f"{post.seq} of {where}", model, screen.bodies.get(post.seq))
        reactions = {(one, name) for name, some in views.reactions(chat, user, post).items() for one in some}
        walk.same(f"reactions to {post.seq} of {where}", reactions, screen.reactions.get(post.seq, set()))
    last = views.bounds(chat, user)[1]
    recalled = {one.seq for one in views.shown(chat, user) if one.kind == "post" and 0 < one.gone <= last}
    walk.same(f"recalled in {where}", set(), (recalled & there) - screen.gone)
    wrong = {seq for seq in screen.hidden if not views.hidden(chat, user, chat.log[seq - 1])}
    cleared = chat.own(user).cleared
    walk.same(f"hidden in {where}", set(), {seq for seq in wrong if seq > cleared})
    for entry in entries:
        kept = chat.log[entry.seq - 1]
        if kept.kind not in {"post", "edit"} and entry.content.WhichOneof("kind") != "hidden":
            walk.same(f"{entry.seq} of {where}", kept.kind, str(told(entry)[0]))


async def _personal(walk: Walk, device: Device) -> None:
    """The personal log: each entry once, without a hole, and what it says last of the settings is so."""
    view = await device.client.conversations.get(device.user_id)

    def there() -> bool:
        return device.seqs(device.user_id)[-1:] == [view.head_seq] or _later(device, view.head_seq)

    await device.until(there, f"{view.head_seq} of the personal log", PATIENCE)
    seqs = device.seqs(device.user_id)
    walk.same(f"personal log of {device.username}", list(range(seqs[0], seqs[-1] + 1)), seqs)
    last: dict[str, notice_pb2.ConversationNotice] = {}
    hidden: dict[str, set[int]] = {}
    for entry in device.shown[device.user_id]:
        if entry.content.HasField("conversation"):
            notice = entry.content.conversation
            last[notice.conversation_id] = max(
                notice, last.get(notice.conversation_id, notice), key=lambda one: one.version
            )
            hidden.setdefault(notice.conversation_id, set()).update(notice.hidden_seqs)
    for chat in walk.model.of(device.user_id):
        _settings(walk, device, chat, last.get(chat.id, notice_pb2.ConversationNotice()))
        untold = chat.own(device.user_id).hidden - hidden.get(chat.id, set())
        walk.same(f"hidden in {chat.id} and not told to {device.username}", set(), untold)


def _later(device: Device, head: int) -> bool:
    return max(device.seqs(device.user_id), default=0) >= head


def _settings(walk: Walk, device: Device, chat: Chat, notice: notice_pb2.ConversationNotice) -> None:
    """What a device was told last of a conversation. Drafts are told later."""
    own = chat.own(device.user_id)
    walk.same(
        f"pinned, muted, remark, cleared of {chat.id} as told to {device.username}",
        (own.pinned, own.muted, own.remark, own.cleared),
        (notice.pinned, notice.muted_until_ms > 0, notice.remark, notice.cleared_seq),
    )
