"""The hub finds sessions: by reference, by device, by user. It moves nothing itself."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from mesh.clock import Clock
from mesh.part import Part
from mesh.routes import unheeded
from mesh.session_end import SessionEnd, session_revoked
from svc_gateway import domain
from svc_gateway.application.session import Session


class Hub:
    """All sessions of this node. `missing` hears of users for whom something came and who have none."""

    def __init__(self, clock: Clock, missing: Callable[[str], None] = unheeded) -> None:
        self._clock = clock
        self._missing = missing
        self._by_ref: dict[int, Session] = {}
        self._empty = asyncio.Event()
        self._by_user: dict[str, tuple[Session, ...]] = {}

    def __len__(self) -> int:
        return len(self._by_ref)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_ref.values()))

    def add(self, session: Session) -> Session | None:
        """Take in a session; return the older one of the same device, which it replaces."""
        user_id, device_id = session.identity.user_id, session.identity.device_id
        older = self.of_device(user_id, device_id)
        self._by_user[user_id] = (*(one for one in self.of_user(user_id) if one is not older), session)
        self._by_ref[session.ref] = session
        session.last_seen = self._clock.monotonic()
        return older

    def remove(self, session: Session) -> bool:
        """Forget a session; true when it was the user's last one here."""
        self._by_ref.pop(session.ref, None)
        user_id = session.identity.user_id
        left = tuple(one for one in self.of_user(user_id) if one is not session)
        if left:
            self._by_user[user_id] = left
        else:
            self._by_user.pop(user_id, None)
        if not self._by_ref:
            self._empty.set()
        return not left

    async def empty(self) -> None:
        """Wait until no session is left."""
        while self._by_ref:
            self._empty.clear()
            await self._empty.wait()

    def by_ref(self, ref: int) -> Session | None:
        """The session of a link's answer, if it is still here."""
        return self._by_ref.get(ref)

    def of_device(self, user_id: str, device_id: str) -> Session | None:
        """The session of a device, if it is here."""
        return next((one for one in self.of_user(user_id) if one.identity.device_id == device_id), None)

    def of_user(self, user_id: str) -> tuple[Session, ...]:
        """All sessions of a user here."""
        return self._by_user.get(user_id, ())

    def deliver(self, user_ids: Iterable[str], parts: Sequence[Part]) -> None:
        """Queue frames for the devices of these users: as entries, or as signals when they carry none."""
        withheld = {part.except_device for part in parts}
        whole = _join(parts)
        for user_id in user_ids:
            sessions = self._by_user.get(user_id)
            if sessions is None:
                self._missing(user_id)
                continue
            for session in sessions:
                device_id = session.identity.device_id
                if device_id not in withheld:
                    _push(session, whole)
                elif len(parts) > 1:
                    _push(session, _join([part for part in parts if part.except_device != device_id]))

    def evict(self, user_id: str, device_id: str, epoch: int) -> None:
        """Close a session that a newer one elsewhere replaced."""
        session = self.of_device(user_id, device_id)
        if session is not None and session.identity.epoch < epoch:
            session.close(domain.replaced(epoch))

    def revoke(self, user_id: str, session_id: str, end: SessionEnd) -> None:
        """Close the streams of a session that was ended, and say why."""
        for session in self.of_user(user_id):
            if session.identity.session_id == session_id:
                session.close(session_revoked(end))

    def sweep(self) -> None:
        """Close the sessions that have been there for too long, see `Session.look`.

        Timers of their own would cost more than what they watch.
        """
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        for session in self:
            session.look(now, now_ms)


def _join(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    return Part(b"".join([part.frame for part in parts]), sum([part.entries for part in parts]))


def _push(session: Session, part: Part) -> None:
    if part.entries:
        session.push_entries(part.frame, part.entries)
    else:
        session.push_signal(part.frame)
