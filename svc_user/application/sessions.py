"""List and end sessions."""

from collections.abc import Sequence

from mesh import errors
from mesh.clock import Clock
from svc_user.domain.account import UserId
from svc_user.domain.notice import SessionEvent, SessionNotice
from svc_user.domain.ports import Gateways, Notices, SessionChange, Sessions
from svc_user.domain.reasons import Reason
from svc_user.domain.session import Session, SessionId


class Ending:
    """Ends sessions and lets everyone know who must."""

    def __init__(self, sessions: Sessions, gateways: Gateways, notices: Notices, clock: Clock) -> None:
        self._sessions = sessions
        self._gateways = gateways
        self._notices = notices
        self._clock = clock

    async def end(self, sessions: Sequence[Session], event: SessionEvent) -> int:
        """End those of the sessions that are live; return how many. Streams close within 5 seconds."""
        now = self._clock.now_ms()
        live = [session for session in sessions if session.live(now)]
        if live:
            ids = tuple(session.session_id for session in live)
            notices = notices_of(live, event)
            await self._sessions.commit(SessionChange(ended=ids, ended_at_ms=now, notices=notices))
            await self.announce(live)
        return len(live)

    async def announce(self, ended: Sequence[Session]) -> None:
        """Tell gateways and token checks of sessions that ended, and send out the notices of the change."""
        self._notices.dispatch()
        if ended:
            await self._gateways.end(ended)


def notices_of(sessions: Sequence[Session], event: SessionEvent) -> tuple[SessionNotice, ...]:
    """What the owner's personal log is told of these sessions."""
    return tuple(SessionNotice(one.user_id, event, one.session_id, one.device_id, one.device.name) for one in sessions)


class OwnSessions:
    """What users see and end of their sessions."""

    def __init__(self, sessions: Sessions, ending: Ending, clock: Clock) -> None:
        self._sessions = sessions
        self._ending = ending
        self._clock = clock

    async def list(self, user_id: UserId) -> list[Session]:
        """The live sessions, the latest seen first."""
        return await self._sessions.live(user_id, self._clock.now_ms())

    async def log_out(self, session_id: SessionId) -> None:
        """End the calling session; one that has ended stays so."""
        session = await self._sessions.get(session_id)
        if session is not None:
            await self._ending.end((session,), SessionEvent.LOGGED_OUT)

    async def revoke(self, user_id: UserId, session_id: SessionId) -> int:
        """End one session; return 0 if it had ended. SESSION_NOT_FOUND, also for somebody else's."""
        session = await self._sessions.get(session_id)
        if session is None or session.user_id != user_id:
            raise errors.not_found(Reason.SESSION_NOT_FOUND, "no such session of yours")
        return await self._ending.end((session,), SessionEvent.REVOKED)

    async def revoke_others(self, user_id: UserId, current: SessionId) -> int:
        """End every session but the current one; return how many."""
        others = [session for session in await self.list(user_id) if session.session_id != current]
        return await self._ending.end(others, SessionEvent.REVOKED)
