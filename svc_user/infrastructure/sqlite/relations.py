"""`svc_user.domain.ports.Relations` on SQLite."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_outbox import owe
from svc_user.domain.account import UserId
from svc_user.domain.friend import FriendRequest, FriendRequestId, Pair, RequestState, Side, Standing
from svc_user.domain.notice import Notice
from svc_user.domain.ports import Entries, RequestQuery, Stale
from svc_user.infrastructure.sqlite.accounts import Encode

PUT_SIDE: Final = """
    INSERT INTO side VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET standing = excluded.standing, remark = excluded.remark, tags = excluded.tags,
        starred = excluded.starred, since_ms = excluded.since_ms, version = excluded.version,
        blocked_at_ms = excluded.blocked_at_ms
"""

PUT_REQUEST: Final = """
    INSERT INTO friend_request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET greeting = excluded.greeting, remark = excluded.remark, state = excluded.state,
        silent = excluded.silent, answered_at_ms = excluded.answered_at_ms
"""

NEXT_VERSION: Final = """
    INSERT INTO friend_list VALUES (?, 1, ?)
    ON CONFLICT DO UPDATE SET version = version + 1, friends = friends + excluded.friends
    RETURNING version
"""

LATEST: Final = """
    SELECT * FROM friend_request WHERE sender_id = ? AND receiver_id = ? ORDER BY request_id DESC LIMIT 1
"""

UserPair = tuple[UserId, UserId]


class SqliteRelations:
    """A row for each side of a pair, one for its revision, and the requests."""

    def __init__(self, database: Database, encode: Encode) -> None:
        self._database = database
        self._encode = encode

    async def load(self, me: UserId, other: UserId) -> Pair:
        """See the port."""
        return await self._database.read(lambda connection: _snapshot(connection, me, other))

    async def save(self, before: Pair, after: Pair, notices: Sequence[Notice]) -> Pair:
        """See the port."""
        return await self._database.write(lambda connection: self._save(connection, before, after, notices))

    def _save(self, connection: sqlite3.Connection, before: Pair, after: Pair, notices: Sequence[Notice]) -> Pair:
        _advance(connection, before)
        mine = _put_side(connection, before.mine, after.mine)
        theirs = _put_side(connection, before.theirs, after.theirs)
        _put_request(connection, before.sent, after.sent)
        _put_request(connection, before.received, after.received)
        owe(connection, map(self._encode, notices))
        return replace(after, mine=mine, theirs=theirs, revision=before.revision + 1)

    async def sides(self, pairs: Collection[UserPair]) -> dict[UserPair, Side]:
        """See the port."""
        return await self._database.read(lambda connection: {pair: _side(connection, *pair) for pair in pairs})

    async def entries(self, owner: UserId, after: int, limit: int, *, removed: bool = False, tag: str = "") -> Entries:
        """See the port."""
        return await self._database.read(
            lambda connection: _entries(connection, owner, after, limit, removed=removed, tag=tag)
        )

    async def blocked(self, owner: UserId, before: tuple[int, str] | None, limit: int) -> list[Side]:
        """See the port."""
        sql = """SELECT * FROM side WHERE owner_id = ? AND blocked_at_ms > 0 AND (blocked_at_ms, other_id) < (?, ?)
            ORDER BY blocked_at_ms DESC, other_id DESC LIMIT ?"""
        values = (owner, *(before or (2**62, "")), limit)
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [_to_side(row) for row in rows]

    async def request(self, request_id: FriendRequestId) -> FriendRequest | None:
        """See the port."""
        sql = "SELECT * FROM friend_request WHERE request_id = ?"
        return await self._database.read(lambda connection: _one_request(connection, sql, (request_id,)))

    async def requests(self, query: RequestQuery) -> list[FriendRequest]:
        """See the port."""
        return await self._database.read(lambda connection: _requests(connection, query))


def _snapshot(connection: sqlite3.Connection, me: UserId, other: UserId) -> Pair:
    """Read the pair as of one moment: a side of one commit with the revision of another would go unnoticed."""
    connection.execute("BEGIN")
    try:
        return _load(connection, me, other)
    finally:
        connection.execute("COMMIT")


def _load(connection: sqlite3.Connection, me: UserId, other: UserId) -> Pair:
    return Pair(
        mine=_side(connection, me, other),
        theirs=_side(connection, other, me),
        sent=_one_request(connection, LATEST, (me, other)),
        received=_one_request(connection, LATEST, (other, me)),
        revision=_number(connection, "SELECT revision FROM pair WHERE id = ?", _pair_id(me, other)),
        my_friends=_number(connection, "SELECT friends FROM friend_list WHERE owner_id = ?", me),
        their_friends=_number(connection, "SELECT friends FROM friend_list WHERE owner_id = ?", other),
        my_blocked=_number(connection, "SELECT count(*) FROM side WHERE owner_id = ? AND blocked_at_ms > 0", me),
    )


def _pair_id(one: UserId, other: UserId) -> str:
    return f"{min(one, other)}-{max(one, other)}"


def _number(connection: sqlite3.Connection, sql: str, key: str) -> int:
    row = connection.execute(sql, (key,)).fetchone()
    return int(row[0]) if row else 0


def _advance(connection: sqlite3.Connection, before: Pair) -> None:
    """Raise the pair's revision, if it is still the one that the change is based on."""
    key = _pair_id(before.mine.owner_id, before.mine.other_id)
    connection.execute("INSERT INTO pair VALUES (?, 0) ON CONFLICT DO NOTHING", (key,))
    sql = "UPDATE pair SET revision = revision + 1 WHERE id = ? AND revision = ?"
    if connection.execute(sql, (key, before.revision)).rowcount != 1:
        raise Stale


def _put_side(connection: sqlite3.Connection, before: Side, after: Side) -> Side:
    if after == before:
        return after
    if not after.same_entry(before):
        joined = int(after.friend) - int(before.friend)
        version = connection.execute(NEXT_VERSION, (after.owner_id, joined)).fetchone()[0]
        after = replace(after, version=version)
    connection.execute(PUT_SIDE, _from_side(after))
    return after


def _put_request(connection: sqlite3.Connection, before: FriendRequest | None, after: FriendRequest | None) -> None:
    if after is not None and after != before:
        connection.execute(PUT_REQUEST, _from_request(after))


def _side(connection: sqlite3.Connection, owner: UserId, other: UserId) -> Side:
    row = connection.execute("SELECT * FROM side WHERE owner_id = ? AND other_id = ?", (owner, other)).fetchone()
    return _to_side(row) if row else Side(owner, other)


def _entries(
    connection: sqlite3.Connection, owner: UserId, after: int, limit: int, *, removed: bool, tag: str
) -> Entries:
    version = _number(connection, "SELECT version FROM friend_list WHERE owner_id = ?", owner)
    worst = Standing.REMOVED if removed else Standing.ENDED_BY_OTHER
    tagged = "AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)" if tag else ""
    sql = f"""SELECT * FROM side WHERE owner_id = ? AND version > ? AND standing > 0 AND standing <= ? {tagged}
        ORDER BY version LIMIT ?"""  # noqa: S608 - fixed text only
    values = (owner, after, int(worst), *((tag,) if tag else ()), limit)
    return Entries(tuple(_to_side(row) for row in connection.execute(sql, values)), version)


def _requests(connection: sqlite3.Connection, query: RequestQuery) -> list[FriendRequest]:
    whose = "receiver_id" if query.incoming else "sender_id"
    # What was refused silently still waits in the eyes of its sender.
    waits = "state = 1" if query.incoming else "(state = 1 OR (state = 3 AND silent))"
    pending = f"AND created_at_ms > ? AND {waits}" if query.pending_since_ms is not None else ""
    sql = f"""SELECT * FROM friend_request WHERE {whose} = ? AND request_id < ? AND created_at_ms > ? {pending}
        ORDER BY request_id DESC LIMIT ?"""  # noqa: S608 - fixed text only
    since = (query.pending_since_ms,) if query.pending_since_ms is not None else ()
    values = (query.user_id, query.before or "g", query.since_ms, *since, query.limit)
    return [_to_request(row) for row in connection.execute(sql, values)]


def _one_request(connection: sqlite3.Connection, sql: str, values: tuple[str, ...]) -> FriendRequest | None:
    row = connection.execute(sql, values).fetchone()
    return _to_request(row) if row else None


def _from_side(side: Side) -> tuple[Any, ...]:
    return (
        side.owner_id,
        side.other_id,
        int(side.standing),
        side.remark,
        json.dumps(side.tags),
        side.starred,
        side.since_ms,
        side.version,
        side.blocked_at_ms,
    )


def _to_side(row: tuple[Any, ...]) -> Side:
    owner, other, standing, remark, tags, starred, since_ms, version, blocked_at_ms = row
    return Side(
        owner_id=owner,
        other_id=other,
        standing=Standing(standing),
        remark=remark,
        tags=tuple(json.loads(tags)),
        starred=bool(starred),
        since_ms=since_ms,
        version=version,
        blocked_at_ms=blocked_at_ms,
    )


def _from_request(request: FriendRequest) -> tuple[Any, ...]:
    return (
        request.request_id,
        request.sender_id,
        request.receiver_id,
        request.greeting,
        request.remark,
        request.created_at_ms,
        int(request.state),
        request.silent,
        request.answered_at_ms,
    )


def _to_request(row: tuple[Any, ...]) -> FriendRequest:
    request_id, sender, receiver, greeting, remark, created_at_ms, state, silent, answered_at_ms = row
    return FriendRequest(
        request_id=request_id,
        sender_id=sender,
        receiver_id=receiver,
        greeting=greeting,
        remark=remark,
        created_at_ms=created_at_ms,
        state=RequestState(state),
        silent=bool(silent),
        answered_at_ms=answered_at_ms,
    )
