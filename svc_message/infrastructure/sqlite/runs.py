"""Runs of encoded entries: narrow reads for many conversations at once."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_message.domain.budget import Budget
from svc_message.domain.conversation import Seq
from svc_message.domain.ports import Run, Span

BODIES: Final = "SELECT body, seq FROM entry WHERE conversation = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
"""Sender, device and the rest stand in the encoded entry: no other table is looked at for a row."""

MAX_SEQ: Final = 2**63 - 1
"""What fits into a column; a contract's uint64 may say more."""


def read(connection: sqlite3.Connection, spans: Sequence[Span], limit: int, room: int) -> list[Run]:
    """See `svc_message.domain.ports.Log.read_each`."""
    keys = _keys(connection, spans)
    budget = Budget(limit, room)
    return [_run(connection, keys.get(span.conversation_id), span, budget) for span in spans]


def _keys(connection: sqlite3.Connection, spans: Sequence[Span]) -> dict[str, int]:
    keys: dict[str, int] = {}
    for some in chunks({span.conversation_id for span in spans}):
        sql = f"SELECT id, key FROM conversation WHERE id IN ({marks(some)})"  # noqa: S608 - question marks only
        keys.update(connection.execute(sql, some))
    return keys


def _run(connection: sqlite3.Connection, key: int | None, span: Span, budget: Budget) -> Run:
    if key is None or budget.entries <= 0 or span.first > MAX_SEQ:
        return Run()
    values = (key, span.first, min(span.last, MAX_SEQ), budget.entries)
    seqs: list[int] = []
    entries = budget.take(_bodies(connection.execute(BODIES, values), seqs))
    # Not the first seq and their number: a log whose beginning was removed begins later than asked for.
    return Run(entries, Seq(seqs[len(entries) - 1])) if entries else Run()


def _bodies(rows: sqlite3.Cursor, seqs: list[int]) -> Iterator[bytes]:
    for body, seq in rows:
        seqs.append(seq)
        yield body
