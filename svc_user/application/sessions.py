"""List and end sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesh.clock import Clock
from mesh.session_end import SessionEnd
from svc_user.domain.account import UserId
from svc_user.domain.notice import SessionEvent, SessionNotice
from svc_user.domain.ports import Connections, Gateways, Notices, SessionChange, Sessions, Stale
from svc_user.domain.session import Session, SessionId, checked_name, session_not_found


class Ending:
    """Ends sessions and lets everyone know who must."""

    def __init__(self, sessions: Sessions, gateways: Gateways, notices: Notices, clock: Clock) -> None:
        self._sessions = sessions
        self._gateways = gateways
        self._notices = notices
        self._clock = clock

    async def end(self, sessions: Sequence[Session], event: SessionEvent, why: SessionEnd) -> int:
        """End those of the sessions that are live; return how many. Streams close within 5 seconds, and say why."""
        now = self._clock.now_ms()
        live = [session for session in sessions if session.live(now)]
        if live:
            ids = tuple(session.session_id for session in live)
            notices = notices_of(live, event)
            await self._sessions.commit(SessionChange(ended=ids, ended_at_ms=now, end=why, notices=notices))
            await self.announce(live, why)
        return len(live)

    async def announce(self, ended: Sequence[Session], why: SessionEnd) -> None:
        """Tell gateways and token checks of sessions that ended, and send out the notices of the change."""
        self._notices.dispatch()
        if ended:
            await self._gateways.end(ended, why)


def notices_of(sessions: Sequence[Session], event: SessionEvent) -> tuple[SessionNotice, ...]:
    """What the owner's personal log is told of these sessions."""
    return tuple(SessionNotice(one.user_id, event, one.session_id, one.device_id, one.device.name) for one in sessions)


@dataclass(frozen=True, slots=True)
class Seen:
    """A session, and whether its device is connected now."""

    session: Session
    connected: bool


class OwnSessions:
    """What users see and end of their sessions."""

    def __init__(
        self, sessions: Sessions, connections: Connections, ending: Ending, notices: Notices, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._ending = ending
        self._notices = notices
        self._clock = clock

    async def list(self, user_id: UserId) -> list[Seen]:
        """The live sessions, those that are connected first, then the latest seen."""
        now = self._clock.now_ms()
        live = await self._sessions.live(user_id, now)
        connected = await self._connections.devices(user_id)
        here = [Seen(replace(one, last_seen_at_ms=now), connected=True) for one in live if one.device_id in connected]
        return here + [Seen(one, connected=False) for one in live if one.device_id not in connected]

    async def rename(self, user_id: UserId, session_id: SessionId, name: str) -> Session:
        """Name the device of a session. SESSION_NOT_FOUND, also for one that has ended; INVALID_REQUEST."""
        name = checked_name(name)
        session = await self._sessions.get(session_id)
        if session is None or session.user_id != user_id:
            raise session_not_found()
        renamed = replace(session, device=replace(session.device, name=name))
        if renamed != session or session.ended_at_ms:
            notices = notices_of((renamed,), SessionEvent.RENAMED)
            try:
                await self._sessions.commit(SessionChange(renamed=(session_id, name), notices=notices))
            except Stale:
                raise session_not_found() from None
            self._notices.dispatch()
        return renamed

    async def log_out(self, session_id: SessionId) -> None:
        """End the calling session; one that has ended stays so."""
        session = await self._sessions.get(session_id)
        if session is not None:
            await self._ending.end((session,), SessionEvent.LOGGED_OUT, SessionEnd.LOGGED_OUT)

    async def revoke(self, user_id: UserId, session_id: SessionId) -> int:
        """End one session; return 0 if it had ended. SESSION_NOT_FOUND, also for somebody else's."""
        session = await self._sessions.get(session_id)
        if session is None or session.user_id != user_id:
            raise session_not_found()
        return await self._ending.end((session,), SessionEvent.REVOKED, SessionEnd.REVOKED)

    async def revoke_others(self, user_id: UserId, current: SessionId) -> int:
        """End every session but the current one; return how many."""
        live = await self._sessions.live(user_id, self._clock.now_ms())
        others = [session for session in live if session.session_id != current]
        return await self._ending.end(others, SessionEvent.REVOKED, SessionEnd.REVOKED)
