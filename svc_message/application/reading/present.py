"""What posts have at present: reactions and pins, folded from the entries that change them.

Nothing of it is stored. A fold that was made stays in memory with the place in the log up to which it is true, and the
next look reads only what stands after that place: so it is right on each node, whoever wrote, and a post with many
reactions is not read again for each new one.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final

from mesh.errors import MeshError
from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq
from svc_message.domain.entry import Draft, EntryKind, Stored
from svc_message.domain.posts.changes import Changes
from svc_message.domain.posts.pins import MAX_PINS, Pins
from svc_message.domain.posts.reactions import Given, Reactions
from svc_message.domain.said import Reading

PIECE: Final = 2_000
"""Changes that are read at a time."""

MAX_PIECES: Final = 10
"""Pieces that one look reads. Where there is more, the fold goes on with the next look and is short until then."""

MAX_KEPT: Final = 200_000
"""Reactions that stay in memory, about 200 bytes each; beyond it the folds that were looked at least lately go."""

MAX_PINS_KEPT: Final = 2_000
"""Conversations whose pins stay in memory."""

Post = tuple[ConversationId, Seq]


class Present:
    """Reactions and pins as they are now, and what may be added to them."""

    def __init__(self, changes: Changes, reading: Reading) -> None:
        self._changes = changes
        self._reading = reading
        self._reactions: OrderedDict[Post, Reactions] = OrderedDict()
        self._sizes: dict[Post, int] = {}
        self._kept = 0
        self._pins: OrderedDict[ConversationId, Pins] = OrderedDict()

    async def check(self, draft: Draft) -> None:
        """Raise unless there is room for this reaction or pin: REACTION_LIMIT_REACHED, PIN_LIMIT_REACHED. Whether the
        sender may, and its target, were judged before.
        """
        said = self._reading.said(draft.content)
        if said.removed:
            return
        refusal = await (self._refuse_pin(draft) if draft.kind is EntryKind.PIN else self._refuse(draft, said.name))
        if refusal is not None:
            raise refusal

    async def reactions(self, conversation_id: ConversationId, target: Seq, *, up_to: int = 0) -> Reactions:
        """The reactions to a post: those of now, or for who has left those up to a seq, which are not remembered."""
        if up_to:
            return await self._grow((conversation_id, target), Reactions(), up_to)
        key = (conversation_id, target)
        found = self._reactions.setdefault(key, Reactions())
        try:
            return await self._grow(key, found, rules.NO_END)
        finally:
            self._keep(key, found)

    async def _grow(self, post: Post, found: Reactions, up_to: int) -> Reactions:
        """Take in what the log has behind a fold. Another look at the same time may do the same."""
        for _ in range(MAX_PIECES):
            entries = await self._read(post, found.reached)
            for one in entries:
                if one.seq <= up_to:
                    self._take(found, one)
            if len(entries) < PIECE or entries[-1].seq > up_to:
                break
        return found

    async def of_page(
        self, conversation_id: ConversationId, posts: Sequence[Seq], *, up_to: int = 0
    ) -> dict[Seq, Reactions]:
        """The reactions to the posts of a page: mostly one question for all of them."""
        if not posts:
            return {}
        first, last = min(posts), max(posts)
        found = await self._changes.about(conversation_id, first, last, EntryKind.REACTION, after=0, limit=PIECE)
        if len(found) >= PIECE:
            return {post: await self.reactions(conversation_id, post, up_to=up_to) for post in posts}
        return self._fold(found, set(posts), up_to)

    async def pins(self, conversation_id: ConversationId) -> Pins:
        """The pinned posts of a conversation, recalled ones among them."""
        found = self._pins.setdefault(conversation_id, Pins())
        self._pins.move_to_end(conversation_id)
        if len(self._pins) > MAX_PINS_KEPT:
            self._pins.popitem(last=False)
        return await self._take_pins(conversation_id, found, rules.NO_END)

    async def _take_pins(self, conversation_id: ConversationId, found: Pins, up_to: int) -> Pins:
        """Take in what the log has behind a fold, up to a seq."""
        for _ in range(MAX_PIECES):
            entries = await self._changes.pins(conversation_id, after=found.reached, limit=PIECE)
            for one in entries:
                if found.reached < one.seq <= up_to:  # another look at the same time may have taken it in
                    said = self._reading.said(one.entry)
                    found.take(said.target, one.seq, removed=said.removed)
            if len(entries) < PIECE or entries[-1].seq > up_to:
                break
        return found

    async def pinned(self, place: Membership, conversation_id: ConversationId) -> list[tuple[Seq, Stored]]:
        """(entry that pinned it, post) of the pinned posts that this member may see, the one pinned last first: those
        of now, or for who has left those of then, which are not remembered.
        """
        found = (
            await self._take_pins(conversation_id, Pins(), place.left_seq)
            if place.left_seq
            else await self.pins(conversation_id)
        )
        shown = found.newest_first()
        posts = await self._posts(conversation_id, [target for target, _ in shown])
        return [(seq, posts[target]) for target, seq in shown if target in posts and target >= place.first_seq]

    async def _posts(self, conversation_id: ConversationId, targets: Collection[Seq]) -> dict[Seq, Stored]:
        """Those of the targets that were not recalled."""
        found = await self._changes.at(conversation_id, targets)
        return {seq: stored for seq, stored in found.items() if stored.kind is EntryKind.POST}

    async def _refuse(self, draft: Draft, name: str) -> MeshError | None:
        found = await self.reactions(draft.conversation_id, draft.target_seq)
        return found.refuse(draft.sender_id, name)

    async def _refuse_pin(self, draft: Draft) -> MeshError | None:
        pins = await self.pins(draft.conversation_id)
        if len(pins) >= MAX_PINS:  # recalled ones take nobody's place
            posts = await self._posts(draft.conversation_id, [target for target, _ in pins.newest_first()])
            if len(posts) < MAX_PINS:
                return None
        return pins.refuse(draft.target_seq)

    async def _read(self, post: Post, after: int) -> list[Stored]:
        conversation_id, target = post
        return await self._changes.about(conversation_id, target, target, EntryKind.REACTION, after=after, limit=PIECE)

    def _fold(self, found: Sequence[Stored], posts: set[Seq], up_to: int) -> dict[Seq, Reactions]:
        folded: dict[Seq, Reactions] = {}
        for one in found:
            target = self._reading.said(one.entry).target
            if target in posts and (not up_to or one.seq <= up_to):
                self._take(folded.setdefault(target, Reactions()), one)
        return folded

    def _take(self, reactions: Reactions, one: Stored) -> None:
        if one.seq > reactions.reached:  # another look at the same time may have taken it in
            said = self._reading.said(one.entry)
            reactions.take(Given(one.sender_id, said.name, one.seq, one.sent_at_ms), removed=said.removed)

    def _keep(self, key: Post, reactions: Reactions) -> None:
        self._reactions[key] = reactions
        self._reactions.move_to_end(key)
        self._kept += len(reactions) + 1 - self._sizes.get(key, 0)
        self._sizes[key] = len(reactions) + 1
        while self._kept > MAX_KEPT and len(self._reactions) > 1:
            oldest, _ = self._reactions.popitem(last=False)
            self._kept -= self._sizes.pop(oldest, 0)
