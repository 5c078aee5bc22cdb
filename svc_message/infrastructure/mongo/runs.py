"""Runs of encoded entries: narrow reads for many conversations at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pymongo.asynchronous.collection import AsyncCollection

from mesh.infrastructure.mongo import Document
from svc_message.domain.budget import Budget
from svc_message.domain.conversation import Seq
from svc_message.domain.ports import Run, Span
from svc_message.infrastructure.mongo.documents import MAX_SEQ
from svc_message.infrastructure.mongo.heads import heads

ENTRIES: Final = 512
"""Entries of one question: what does not fit into the answer after all was read in vain, at most so many."""

SPANS: Final = 100
"""Spans of one question: each is a range of the index of places."""


@dataclass(slots=True)
class _Piece:
    """A part of a span, small enough to be read at once."""

    index: int
    conversation_id: str
    first: int
    last: int
    found: dict[int, bytes] = field(default_factory=dict)


async def read(entries: AsyncCollection[Document], spans: Sequence[Span], limit: int, room: int) -> list[Run]:
    """See `svc_message.domain.ports.Log.read_each`. One trip to the store when all that is asked for fits into it."""
    budget, bodies = Budget(limit, room), [list[bytes]() for _ in spans]
    ends, spans = [0] * len(spans), await _begun(entries, spans, limit)
    pieces = _pieces(await _clipped(entries, [_narrow(span, limit) for span in spans]), budget)
    while budget.entries > 0 and budget.room > 0 and (some := _next(pieces)):
        await _fill(entries, some)
        for piece in some:
            seqs = sorted(piece.found)
            taken = budget.take(piece.found[seq] for seq in seqs)
            bodies[piece.index] += taken
            ends[piece.index] = seqs[len(taken) - 1] if taken else ends[piece.index]
    return [Run(taken, Seq(end)) if taken else Run() for taken, end in zip(bodies, ends, strict=True)]


async def _begun(entries: AsyncCollection[Document], spans: Sequence[Span], limit: int) -> list[Span]:
    """The spans from where their logs begin, for those that are read from seq 1 on and are longer than the limit.

    Whoever knows that a beginning was removed asks for what is behind it, so this is for newcomers alone.
    """
    begun = list(spans)
    for index, span in enumerate(spans):
        if span.first == 1 and span.last > limit:
            oldest = await entries.find_one({"c": span.conversation_id}, {"_id": 0, "q": 1}, sort=[("c", 1), ("q", 1)])
            begun[index] = Span(span.conversation_id, oldest["q"] if oldest else 1, span.last)
    return begun


def _narrow(span: Span, limit: int) -> Span:
    """No more of it than the limit: places in a log have no gaps, but for a beginning that was removed."""
    return Span(span.conversation_id, span.first, min(span.last, MAX_SEQ, span.first + limit - 1))


async def _clipped(entries: AsyncCollection[Document], spans: list[Span]) -> list[Span]:
    """The spans up to the ends of their logs, when they promise more than one question holds: most may be empty."""
    if sum(max(0, span.last - span.first + 1) for span in spans) <= ENTRIES and len(spans) <= SPANS:
        return spans
    ends = await heads(entries, {span.conversation_id for span in spans})
    return [Span(span.conversation_id, span.first, min(span.last, ends.get(span.conversation_id, 0))) for span in spans]


def _pieces(spans: Sequence[Span], budget: Budget) -> Iterator[_Piece]:
    """The spans in their order, none of them further than the budget reaches at that moment."""
    for index, span in enumerate(spans):
        first = span.first
        while first <= span.last and budget.entries > 0:
            last = min(span.last, first + min(ENTRIES, budget.entries) - 1)
            yield _Piece(index, span.conversation_id, first, last)
            first = last + 1


def _next(pieces: Iterator[_Piece]) -> list[_Piece]:
    """Pieces for one question, in order."""
    some: list[_Piece] = []
    size = 0
    for piece in pieces:
        some.append(piece)
        size += piece.last - piece.first + 1
        if size >= ENTRIES or len(some) >= SPANS:
            break
    return some


async def _fill(entries: AsyncCollection[Document], pieces: Sequence[_Piece]) -> None:
    """Read the pieces, several of which may be of one log."""
    wanted = [{"c": piece.conversation_id, "q": {"$gte": piece.first, "$lte": piece.last}} for piece in pieces]
    documents = await entries.find({"$or": wanted}, {"_id": 0, "c": 1, "q": 1, "e": 1}).to_list()
    found: dict[str, dict[int, bytes]] = {piece.conversation_id: {} for piece in pieces}
    for document in documents:
        found[document["c"]][document["q"]] = document["e"]
    for piece in pieces:
        log = found[piece.conversation_id]
        piece.found = {seq: log[seq] for seq in range(piece.first, piece.last + 1) if seq in log}
