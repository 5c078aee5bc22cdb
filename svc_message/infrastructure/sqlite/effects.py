"""What an entry changes besides the log, in the transaction of its append."""

import sqlite3
from collections.abc import Iterable
from typing import Final

from svc_message.domain.conversation import Membership, Role, Seq, addressed_before, waits_to_be_read
from svc_message.domain.entry import EntryKind, GroupDelta, Row
from svc_message.infrastructure.sqlite.keys import Keys

EVERYONE: Final = 0

ADD_MEMBER: Final = """
    INSERT INTO member (user, conversation, join_seq, first_seq, role, muted_until_ms, addressed_before)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET join_seq = excluded.join_seq, first_seq = excluded.first_seq, left_seq = 0,
        role = excluded.role, muted_until_ms = excluded.muted_until_ms, addressed_before = excluded.addressed_before
"""

SHOW_BOT: Final = "UPDATE member SET addressed_before = ? WHERE user = ? AND conversation = ?"


def apply_members(connection: sqlite3.Connection, parties: Keys, conversation: int, row: Row) -> None:
    """Write who came, went and changed."""
    delta = row.draft.members
    if delta is None:
        return
    connection.executemany(ADD_MEMBER, [_added(connection, parties, conversation, one) for one in delta.added])
    connection.executemany(
        "UPDATE member SET left_seq = ? WHERE user = ? AND conversation = ? AND left_seq = 0",
        [(row.seq, parties.of(connection, user_id), conversation) for user_id in delta.removed],
    )
    connection.executemany(
        "UPDATE member SET role = ?, muted_until_ms = ? WHERE user = ? AND conversation = ?",
        [
            (int(one.role), one.muted_until_ms, parties.of(connection, one.user_id), conversation)
            for one in delta.updated
        ],
    )
    for one in delta.updated:
        if one.addressed_before:
            _show_bot(connection, parties.of(connection, one.user_id), conversation, one.role, row.seq)


def _show_bot(connection: sqlite3.Connection, user: int, conversation: int, role: Role, seq: Seq) -> None:
    """Write what a bot is shown from this entry on."""
    asked = "SELECT addressed_before FROM member WHERE user = ? AND conversation = ?"
    if found := connection.execute(asked, (user, conversation)).fetchone():
        connection.execute(SHOW_BOT, (addressed_before(Seq(found[0]), role, seq), user, conversation))


def _added(connection: sqlite3.Connection, parties: Keys, conversation: int, one: Membership) -> tuple[int, ...]:
    user = parties.of(connection, one.user_id)
    return (user, conversation, one.join_seq, one.first_seq, int(one.role), one.muted_until_ms, one.addressed_before)


def apply_group(connection: sqlite3.Connection, conversation: int, delta: GroupDelta) -> None:
    """Write who may write what."""
    connection.execute(
        "UPDATE conversation SET muted_all = coalesce(?, muted_all), "
        "mention_all_open = coalesce(?, mention_all_open), pin_open = coalesce(?, pin_open), "
        "slow_mode_seconds = coalesce(?, slow_mode_seconds), member_receipts = coalesce(?, member_receipts), "
        "suspended = coalesce(?, suspended) "
        "WHERE key = ?",
        (
            delta.muted_all,
            delta.mention_all_open,
            delta.pin_open,
            delta.slow_mode_seconds,
            delta.member_receipts,
            delta.suspended,
            conversation,
        ),
    )


def keep_for(connection: sqlite3.Connection, conversation: int, days: int, since_ms: int) -> None:
    """Write for how long entries are kept."""
    sql = "UPDATE conversation SET retention_days = ?, retention_since_ms = ? WHERE key = ?"
    connection.execute(sql, (days, since_ms, conversation))


def let_expire(connection: sqlite3.Connection, parties: Keys, conversation: int, row: Row) -> None:
    """Write when a post destroys itself; in a direct chat of two not before it is read."""
    after_ms = row.draft.group.expires_after_ms if row.draft.group else 0
    due = 0 if waits_to_be_read(row.draft.conversation_id) else row.sent_at_ms + after_ms
    values = (conversation, row.seq, parties.of(connection, row.draft.sender_id), after_ms, due)
    connection.execute("INSERT INTO expiring VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)


def add_mentions(connection: sqlite3.Connection, parties: Keys, conversation: int, row: Row) -> None:
    """Write whom a post addresses."""
    users = [parties.of(connection, user_id) for user_id in row.draft.mentions]
    if row.draft.mentions_all:
        users.append(EVERYONE)
    connection.executemany(
        "INSERT INTO mention VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [(conversation, row.seq, user) for user in users]
    )


def erase(connection: sqlite3.Connection, conversation: int, tombstones: Iterable[tuple[int, bytes]]) -> None:
    """Put tombstones in place of a recalled post and its edits: their bodies are gone from the store."""
    connection.executemany(
        "UPDATE entry SET kind = ?, body = ? WHERE conversation = ? AND seq = ?",
        [(int(EntryKind.TOMBSTONE), body, conversation, seq) for seq, body in tombstones],
    )
