"""Search the texts of what a user may see.

The index says which entries may be meant, the log says what they are now: each hit is read again, so what was edited,
recalled or hidden is found as it is, however old the index is. The index is made when somebody searches and not when
somebody writes: a search first takes in what the caller's conversations have more, a part with each call.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mesh.turns import Turns
from svc_message.application.reading.history import Histories
from svc_message.application.sync.catch_up import MAX_BYTES
from svc_message.domain import rules
from svc_message.domain.conversation import ConversationId, Membership, Seq, UserId
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.ports import Log, Members
from svc_message.domain.posts import words
from svc_message.domain.posts.changes import Changes, Hidden
from svc_message.domain.posts.search import Hit, Lookup, SearchIndex, Text
from svc_message.domain.said import Reading

MAX_INDEXED: Final = 2_000
"""Entries that one call takes into the index."""

PIECE: Final = 250
"""Entries that are taken in at a time: others get their turn in between."""

MAX_INDEXING: Final = 2
"""Callers for whom the index is made at the same time, each once; more wait."""

MAX_LOOKED: Final = 500
"""Hits that one call reads again."""

HITS: Final = 100
"""Hits of one question."""

BEGIN: Final = "begin"
"""The place before all hits: the index was not ready yet."""

TEXTS: Final = frozenset({EntryKind.POST, EntryKind.EDIT})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search: empty and 0 leave a bound open."""

    user_id: UserId
    text: str
    conversation_id: str = ""
    sender_id: str = ""
    after_ms: int = 0
    before_ms: int = 0


class Found(NamedTuple):
    """A post that is meant, its newest edit, and its place in the answer."""

    post: Stored
    edit: Stored | None
    place: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.post.entry) + (len(self.edit.entry) if self.edit else 0)


@dataclass(slots=True)
class FoundPage:
    """What was found, and behind what to go on; empty: there is no more."""

    found: list[Found] = field(default_factory=list)
    next: str = ""


Places = Mapping[ConversationId, Membership]


class Search:
    """Finds posts by their text."""

    def __init__(
        self,
        index: SearchIndex,
        log: Log,
        members: Members,
        changes: Changes,
        histories: Histories,
        reading: Reading,
        hidden: Hidden,
    ) -> None:
        self._index = index
        self._log = log
        self._members = members
        self._changes = changes
        self._histories = histories
        self._reading = reading
        self._hidden = hidden
        self._indexing = Turns(at_once=MAX_INDEXING, of_one=1)

    async def page(self, wanted: Wanted, behind: str, size: int) -> FoundPage:
        """What is behind a place, the one that was written last first. CONVERSATION_NOT_FOUND, QUERY_TOO_SHORT.

        Empty, with BEGIN as what comes next, as long as the index is not ready.
        """
        query = words.query(wanted.text)
        places = await self._places(wanted)
        if behind in ("", BEGIN):
            if not await self._ready(wanted.user_id, places):
                return FoundPage(next=BEGIN)
            behind = ""
        return await self._collect(wanted, query, places, behind, size)

    async def _places(self, wanted: Wanted) -> Places:
        if wanted.conversation_id:
            id_ = ConversationId(wanted.conversation_id)
            return {id_: await self._histories.place(wanted.user_id, id_)}
        places = await self._members.of_user(wanted.user_id)
        places.pop(ConversationId(wanted.user_id), None)
        return places

    async def _ready(self, user_id: UserId, places: Places) -> bool:
        """Take in what is missing, and say whether that was all."""
        heads, reached = await self._log.heads(places), await self._index.reached(places)
        budget = MAX_INDEXED
        async with self._indexing.of(user_id):
            for id_, place in places.items():
                last = place.last_visible(heads[id_])
                first = reached[id_] + 1
                while first <= last:
                    if budget <= 0:
                        return False
                    first, budget = await self._take_in(id_, first, last), budget - PIECE
        return True

    async def _take_in(self, conversation_id: ConversationId, first: int, last: int) -> int:
        """Take the next piece of a log in; return where to go on."""
        end = min(last, first + PIECE - 1)
        entries = await self._log.read(conversation_id, first, end, PIECE)
        said = ((one.seq, self._reading.said(one.entry).text) for one in entries if one.kind in TEXTS)
        texts = [Text(seq, words.words_of(text)) for seq, text in said]
        await self._index.add(conversation_id, [text for text in texts if text.words], Seq(end))
        return end + 1

    async def _collect(self, wanted: Wanted, query: words.Query, places: Places, behind: str, size: int) -> FoundPage:
        page, looked, room = FoundPage(next=behind), 0, MAX_BYTES
        while looked < MAX_LOOKED:
            lookup = Lookup(places.keys(), query.words, wanted.sender_id, page.next)
            hits = await self._index.find(lookup, HITS)
            looked += HITS
            for found in await self._look(wanted, query, places, hits):
                room -= found.size
                if room < 0 and page.found:
                    return page
                page.found.append(found)
                page.next = found.place
                if len(page.found) == size:
                    return page
            page.next = hits[-1].place if len(hits) == HITS else ""
            if not page.next:
                break
        return page

    async def _look(self, wanted: Wanted, query: words.Query, places: Places, hits: Sequence[Hit]) -> list[Found]:
        """Those of the hits that are what is meant, as the log has them now, in their order."""
        seqs: dict[ConversationId, list[Seq]] = defaultdict(list)
        for hit in hits:
            seqs[hit.conversation_id].append(hit.seq)
        entries = {id_: await self._changes.at(id_, some) for id_, some in seqs.items()}
        found = list[Found]()
        for hit in hits:
            entry = entries[hit.conversation_id].get(hit.seq)
            if entry is None or entry.kind not in TEXTS or not query.finds(self._reading.said(entry.entry).text):
                continue
            place = places[hit.conversation_id]
            one = await self._as_shown(place, await self._present(place, entry, hit.place))
            if one is not None and await self._fits(wanted, one):
                found.append(one)
        return found

    async def _present(self, place: Membership, entry: Stored, at: str) -> Found | None:
        """The post with this text, when it is its text at present and the member may see it."""
        target = entry.seq if entry.kind is EntryKind.POST else self._reading.said(entry.entry).target
        if target < place.first_seq or entry.seq > place.last_visible(entry.seq):
            return None
        up_to = place.left_seq or rules.NO_END
        edits = await self._changes.latest(entry.conversation_id, target, target, (EntryKind.EDIT,), up_to=up_to)
        if edits and edits[0].seq != entry.seq:
            return None
        if entry.kind is EntryKind.POST:
            return Found(entry, None, at)
        post = (await self._changes.at(entry.conversation_id, (target,))).get(target)
        return Found(post, entry, at) if post is not None and post.kind is EntryKind.POST else None

    async def _as_shown(self, place: Membership, found: Found | None) -> Found | None:
        """What was found, when the member is shown the post, as it is shown."""
        seen = await self._histories.sights.seen(place, [found.post]) if found else []
        return found._replace(post=seen[0]) if found and seen else None

    async def _fits(self, wanted: Wanted, found: Found) -> bool:
        post = found.post
        if wanted.sender_id and post.sender_id != wanted.sender_id:
            return False
        if post.sent_at_ms < wanted.after_ms or (wanted.before_ms and post.sent_at_ms > wanted.before_ms):
            return False
        return not await self._hidden.hidden(wanted.user_id, post.conversation_id, (post.seq,))
