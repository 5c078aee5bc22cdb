"""`svc_user.domain.ports.Sessions` on MongoDB.

The sessions of a user are part of the document of their account, as the password is: what happens to them at once is
one write. A device has one live session, also among users, because `devices`, those of the live ones, is unique.
"""

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import KeyTaken, Roots, Write
from mesh.session_end import SessionEnd
from svc_user.domain.account import UserId
from svc_user.domain.ports import SessionChange, Stale
from svc_user.domain.session import SESSION_MS, Device, DeviceId, Session, SessionId
from svc_user.infrastructure.mongo.accounts import CHUNK, Encode

MAX_ENDED: Final = 1_000
"""Ended sessions that are remembered of one user; the one that ended first makes room. About 400 KB."""


class MongoSessions:
    """Sessions as part of accounts; devices in a collection, since they outlive their sessions."""

    def __init__(self, database: Database, roots: Roots, encode: Encode) -> None:
        self._database = database
        self._accounts = database.collection("account")
        self._devices = database.collection("device")
        self._roots = roots
        self._encode = encode

    async def commit(self, change: SessionChange) -> None:
        """See the port."""
        user_id = await self._whose(change)
        if user_id is None:
            return
        if change.opened is not None:
            await self._know(change.opened.device_id, user_id)
        try:
            await self._roots.change(user_id, lambda root: self._write(root, change))
        except KeyTaken as error:
            raise Stale from error

    async def get(self, session_id: SessionId) -> Session | None:
        """See the port."""
        found = await self._containing([session_id])
        return found[0] if found else None

    async def live(self, user_id: UserId, now_ms: int) -> list[Session]:
        """See the port."""
        with self._database.reading():
            root = await self._accounts.find_one({"_id": user_id}, {"sessions": 1})
        live = [session for session in sessions_of(root) if session.live(now_ms)]
        return sorted(live, key=lambda one: (one.last_seen_at_ms, one.session_id), reverse=True)

    async def live_ids(self, session_ids: Collection[SessionId], now_ms: int) -> set[SessionId]:
        """See the port."""
        return {session.session_id for session in await self._containing(session_ids) if session.live(now_ms)}

    async def ends(self, session_ids: Collection[SessionId]) -> dict[SessionId, SessionEnd]:
        """See the port."""
        found = await self._containing(session_ids)
        return {one.session_id: one.end for one in found if 0 < one.ended_at_ms < one.expires_at_ms}

    async def ended_since(self, since_ms: int) -> list[SessionId]:
        """See the port."""
        since_ms = max(since_ms, 1)
        wanted = {"sessions.ended_at_ms": {"$gte": since_ms}}
        with self._database.reading():
            roots = await self._accounts.find(wanted, {"sessions": 1}).to_list()
        every = [session for root in roots for session in sessions_of(root)]
        return [one.session_id for one in every if since_ms <= one.ended_at_ms < one.expires_at_ms]

    async def owner(self, device_id: DeviceId) -> UserId | None:
        """See the port."""
        with self._database.reading():
            found = await self._devices.find_one({"_id": device_id})
        return UserId(found["user_id"]) if found else None

    async def _whose(self, change: SessionChange) -> UserId | None:
        if change.opened is not None:
            return change.opened.user_id
        if change.renewed is not None:
            return change.renewed[0].user_id
        if change.password is not None:
            return change.password[0]
        named = (change.renamed[0],) if change.renamed else ()
        ended = await self._containing((*change.ended, *named))
        return ended[0].user_id if ended else None

    async def _know(self, device_id: DeviceId, user_id: UserId) -> None:
        """Write down whose device it is, before its session: of a device alone nobody ever hears."""
        with self._database.writing():
            try:
                await self._devices.insert_one({"_id": device_id, "user_id": user_id})
            except DuplicateKeyError:
                return

    async def _containing(self, session_ids: Collection[SessionId]) -> list[Session]:
        wanted, ids = set(session_ids), list(session_ids)
        found: list[Session] = []
        for start in range(0, len(ids), CHUNK):
            some = {"sessions.session_id": {"$in": ids[start : start + CHUNK]}}
            with self._database.reading():
                roots = await self._accounts.find(some, {"sessions": 1}).to_list()
            found += [session for root in roots for session in sessions_of(root) if session.session_id in wanted]
        return found

    def _write(self, root: Document, change: SessionChange) -> Write:
        sessions = {session.session_id: session for session in sessions_of(root)}
        ended = _end(sessions, change)
        if change.renamed is not None:
            _rename(sessions, *change.renamed)
        if change.renewed is not None:
            _renew(sessions, *change.renewed)
        if change.opened is not None:
            sessions = _opened(sessions, change.opened)
        fields: dict[str, Any] = {
            "sessions": [_fields(session) for session in sessions.values()] or None,
            "devices": [session.device_id for session in sessions.values() if not session.ended_at_ms] or None,
        }
        if change.password is not None:
            _, before, fields["password_hash"] = change.password
            if root.get("password_hash") != before:
                raise Stale
        return Write(fields, owes=[self._encode(notice) for notice in change.told(ended)])


def sessions_of(root: Document | None) -> list[Session]:
    """All sessions of an account, those that ended included."""
    return [_session(one) for one in root.get("sessions", ())] if root else []


def _fields(session: Session) -> Document:
    return {**asdict(session), "end": int(session.end)}


def _session(found: Document) -> Session:
    values = {**found, "device": Device(**found["device"]), "end": SessionEnd(found.get("end", 0))}
    return Session(**values)


def all_ended(root: Document, at_ms: int) -> tuple[list[Session], list[Document]]:
    """The sessions that are live in an account, and all of them when its user is deleted at this time."""
    sessions = sessions_of(root)
    live = [one for one in sessions if one.live(at_ms)]
    end = SessionEnd.ACCOUNT_DELETED
    ended = [one if one.ended_at_ms else replace(one, ended_at_ms=at_ms, end=end) for one in sessions]
    return live, [_fields(one) for one in ended]


def _end(sessions: dict[SessionId, Session], change: SessionChange) -> list[SessionId]:
    """End sessions; return those that had not ended before."""
    live = [one for one in change.ended if one in sessions and not sessions[one].ended_at_ms]
    for session_id in live:
        sessions[session_id] = replace(sessions[session_id], ended_at_ms=change.ended_at_ms, end=change.end)
    return live


def _rename(sessions: dict[SessionId, Session], session_id: SessionId, name: str) -> None:
    session = sessions.get(session_id)
    if session is None or session.ended_at_ms:
        raise Stale
    sessions[session_id] = replace(session, device=replace(session.device, name=name))


def _renew(sessions: dict[SessionId, Session], before: Session, after: Session) -> None:
    kept = sessions.get(before.session_id)
    if kept is None or kept.ended_at_ms or kept.refresh_hash != before.refresh_hash:
        raise Stale
    sessions[before.session_id] = replace(
        kept,
        last_seen_at_ms=after.last_seen_at_ms,
        last_address=after.last_address,
        expires_at_ms=after.expires_at_ms,
        refresh_hash=after.refresh_hash,
        generation=after.generation,
        rotated_at_ms=after.rotated_at_ms,
    )


def _opened(sessions: dict[SessionId, Session], opened: Session) -> dict[SessionId, Session]:
    """The sessions with a new one, without those that ended long ago. What expired has ended."""
    now = opened.created_at_ms
    settled = [
        replace(one, ended_at_ms=one.expires_at_ms) if not one.ended_at_ms and one.expires_at_ms <= now else one
        for one in sessions.values()
    ]
    live = [one for one in settled if not one.ended_at_ms]
    for one in live:
        if one.device_id == opened.device_id or one.request_key == opened.request_key:
            raise Stale
    if opened.session_id in sessions:
        raise Stale
    ended = [one for one in settled if one.ended_at_ms > max(now - SESSION_MS, 0)]
    ended.sort(key=lambda one: one.ended_at_ms)
    return {one.session_id: one for one in (*ended[-MAX_ENDED:], *live, opened)}
