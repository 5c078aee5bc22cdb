"""`Groups` in SQLite: a decision is made inside the write transaction, so that nothing moves under it."""

import json
from collections.abc import Callable
from typing import Final, TypeVar

from mesh.clock import Clock
from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_outbox import owe
from svc_group.domain.changes import Change, Remembered
from svc_group.domain.group import Group, GroupId, UserId
from svc_group.domain.member import GroupView
from svc_group.domain.ports import Changed, Decide, Mark, Need, Scene
from svc_group.infrastructure import entries
from svc_group.infrastructure.sqlite import Connection, bans, rows, scene, ways_in

T = TypeVar("T")

REMEMBERED_MS: Final = 24 * 3_600_000
"""How long the answer to a request id is kept, as the contract says."""


class SqliteGroups:
    """Groups with their members, and the outbox of what they owe to the logs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def change(self, need: Need, decide: Decide[T]) -> T:
        """Decide and keep the change in one transaction."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> T:
            decision = decide(scene.load(connection, need, now))
            if decision.change != Change():
                _keep(connection, decision.change, now)
            return decision.answer

        return await self._database.write(work)

    async def look(self, need: Need, judge: Callable[[Scene], T]) -> T:
        """Judge on a reader."""
        now = self._clock.now_ms()
        return await self._database.read(lambda connection: judge(scene.load(connection, need, now)))

    async def view(self, group_id: GroupId, user_id: UserId) -> GroupView | None:
        """A group and the user's place in it."""

        def work(connection: Connection) -> GroupView | None:
            group = scene.group(connection, group_id)
            if group is None:
                return None
            own = scene.places(connection, group_id, json.dumps([user_id])).get(user_id)
            return GroupView(group, own, _acknowledged(connection, group))

        return await self._database.read(work)

    async def of_user(self, user_id: UserId, after: Mark, limit: int) -> Changed:
        """Groups of the user whose place or self changed after the mark."""
        return await self._database.read(lambda connection: _of_user(connection, user_id, after, limit))


def _keep(connection: Connection, change: Change, now: int) -> None:
    position = _next_position(connection, now)
    if change.group is not None:
        _put(connection, f"team ({rows.GROUP}, change)", (*rows.group_cells(change.group), position))
    for member in change.members:
        _put(connection, f"member ({rows.MEMBER}, folded, change)", (*rows.member_cells(member), position))
    for ban in change.bans:
        _put(connection, "ban", bans.ban_cells(ban))
    if change.join_requests:
        ways_in.drop_old(connection, now)
    for request in change.join_requests:
        _put(connection, "join_request", rows.join_request_cells(request))
    if change.link is not None:
        _put(connection, "link", rows.link_cells(change.link))
    if change.remembered is not None:
        _remember(connection, change.remembered)
    owe(connection, map(entries.encode, change.entries))


def _put(connection: Connection, table: str, cells: tuple[object, ...]) -> None:
    places = ", ".join("?" * len(cells))
    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({places})", cells)  # noqa: S608 - names of ours


def _next_position(connection: Connection, now: int) -> int:
    """The place of this change among all: never back, and near the time, so that it tells nobody how much happens."""
    query = "UPDATE newest SET change = max(change + 1, ?) RETURNING change"
    position: int = connection.execute(query, (now,)).fetchone()[0]
    return position


def _remember(connection: Connection, remembered: Remembered) -> None:
    connection.execute("DELETE FROM remembered WHERE at_ms < ?", (remembered.at_ms - REMEMBERED_MS,))
    cells = (remembered.user_id, remembered.request_id, remembered.fingerprint, remembered.answer, remembered.at_ms)
    _put(connection, "remembered", cells)


def _of_user(connection: Connection, user_id: UserId, after: Mark, limit: int) -> Changed:
    # Read first: what changes between the two statements comes again in the next call, rather than never.
    newest = connection.execute("SELECT change FROM newest").fetchone()[0]
    found = connection.execute(
        "SELECT max(team.change, member.change) AS latest, "  # noqa: S608 - constants of ours
        f"{_columns('team', rows.GROUP)}, {_columns('member', rows.MEMBER)} "
        "FROM member JOIN team ON team.id = member.group_id "
        "WHERE member.user_id = ? AND (latest, team.id) > (?, ?) AND (member.ended = 0 OR member.change > ?) "
        "ORDER BY latest, team.id LIMIT ?",
        (user_id, after.change, after.group_id, after.change, limit),
    ).fetchall()
    return Changed([_marked(connection, cells) for cells in found], newest)


def _columns(table: str, names: str) -> str:
    return ", ".join(f"{table}.{name}" for name in names.split(", "))


def _marked(connection: Connection, cells: rows.Cells) -> tuple[Mark, GroupView]:
    width = len(rows.GROUP.split(", "))
    group, own = rows.group(cells[1 : width + 1]), rows.member(cells[width + 1 :])
    return Mark(cells[0], group.id), GroupView(group, own, _acknowledged(connection, group))


def _acknowledged(connection: Connection, group: Group) -> int:
    if group.announcement is None or not group.announcement.required_reading:
        return 0
    query = "SELECT count(*) FROM member WHERE group_id = ? AND ended = 0 AND acknowledged >= ?"
    count: int = connection.execute(query, (group.id, group.announcement.number)).fetchone()[0]
    return count
