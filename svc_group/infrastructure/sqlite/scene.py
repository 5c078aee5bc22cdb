"""Reads what a decision has to see, inside the transaction that it decides in."""

import json
from collections.abc import Iterator

from svc_group.domain.changes import Remembered
from svc_group.domain.group import Group, Role, UserId
from svc_group.domain.member import JoinRequest, Link, Member
from svc_group.domain.ports import Need, Scene
from svc_group.infrastructure.sqlite import Connection, bans, rows


def load(connection: Connection, need: Need, now_ms: int) -> Scene:
    """The scene as it stands now."""
    link = _link(connection, need)
    group_id = link.group_id if link else need.group_id or ""
    users = json.dumps(list(dict.fromkeys(need.user_ids)))
    return Scene(
        group=group(connection, group_id),
        places=places(connection, group_id, users),
        join_requests=_join_requests(connection, group_id, users),
        group_counts=_group_counts(connection, users),
        everyone=list(_everyone(connection, group_id)) if need.everyone else (),
        admin_ids=_admins(connection, group_id) if need.admins else (),
        remembered=_remembered(connection, need),
        link=link,
        live_links=_live_links(connection, group_id, now_ms),
        bans=bans.of_users(connection, group_id, users),
        live_bans=bans.live(connection, group_id, now_ms) if need.bans else 0,
    )


def group(connection: Connection, group_id: str) -> Group | None:
    """One group."""
    query = f"SELECT {rows.GROUP} FROM team WHERE id = ?"  # noqa: S608 - a constant of ours
    found = connection.execute(query, (group_id,)).fetchone()
    return rows.group(found) if found else None


def places(connection: Connection, group_id: str, users: str) -> dict[UserId, Member]:
    """The places of users, who are given as a JSON array."""
    found = connection.execute(
        f"SELECT {rows.MEMBER} FROM member WHERE group_id = ? "  # noqa: S608 - a constant of ours
        "AND user_id IN (SELECT value FROM json_each(?))",
        (group_id, users),
    )
    return {member.user_id: member for member in map(rows.member, found)}


def _join_requests(connection: Connection, group_id: str, users: str) -> dict[UserId, JoinRequest]:
    found = connection.execute(
        f"SELECT {rows.JOIN_REQUEST} FROM join_request WHERE group_id = ? "  # noqa: S608 - a constant of ours
        "AND user_id IN (SELECT value FROM json_each(?))",
        (group_id, users),
    )
    return {request.user_id: request for request in map(rows.join_request, found)}


def _group_counts(connection: Connection, users: str) -> dict[UserId, int]:
    return dict(
        connection.execute(
            "SELECT user_id, count(*) FROM member WHERE user_id IN (SELECT value FROM json_each(?)) AND ended = 0 "
            "GROUP BY user_id",
            (users,),
        ).fetchall()
    )


def _everyone(connection: Connection, group_id: str) -> Iterator[Member]:
    query = f"SELECT {rows.MEMBER} FROM member WHERE group_id = ? AND ended = 0"  # noqa: S608 - a constant of ours
    return map(rows.member, connection.execute(query, (group_id,)))


def _admins(connection: Connection, group_id: str) -> list[UserId]:
    query = "SELECT user_id FROM member WHERE group_id = ? AND ended = 0 AND rank < ? ORDER BY rank, joined_at_ms"
    return [user_id for (user_id,) in connection.execute(query, (group_id, Role.OWNER - Role.MEMBER))]


def _remembered(connection: Connection, need: Need) -> Remembered | None:
    if need.request is None:
        return None
    query = "SELECT * FROM remembered WHERE user_id = ? AND request_id = ?"
    found = connection.execute(query, need.request).fetchone()
    return Remembered(*found) if found else None


def _link(connection: Connection, need: Need) -> Link | None:
    if not need.token and not need.link_id:
        return None
    query = f"SELECT {rows.LINK} FROM link WHERE token = ? OR id = ?"  # noqa: S608 - a constant of ours
    found = connection.execute(query, (need.token, need.link_id)).fetchone()
    return rows.link(found) if found else None


def _live_links(connection: Connection, group_id: str, now_ms: int) -> int:
    query = "SELECT count(*) FROM link WHERE group_id = ? AND revoked_at_ms = 0 AND expires_at_ms > ?"
    count: int = connection.execute(query, (group_id, now_ms)).fetchone()[0]
    return count
