"""Browsers: sessions whose frames come by unary calls, each with a number so that a retry does no harm."""

from mesh import errors
from svc_gateway.application.session import Session
from svc_gateway.domain import Reason


class Browsers:
    """The sessions of this node that were opened by Subscribe."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str, int], Session] = {}
        self._numbers: dict[int, int] = {}

    def add(self, session: Session) -> None:
        """Take in a session."""
        self._sessions[_key(session)] = session
        self._numbers[session.ref] = 0

    def remove(self, session: Session) -> None:
        """Forget a session."""
        self._sessions.pop(_key(session), None)
        self._numbers.pop(session.ref, None)

    def find(self, user_id: str, device_id: str, epoch: int) -> Session:
        """The session of this stream; STREAM_NOT_FOUND when it is not here, or not the caller's."""
        session = self._sessions.get((user_id, device_id, epoch))
        if session is None:
            raise errors.not_found(Reason.STREAM_NOT_FOUND, "there is no such stream here; subscribe again")
        return session

    def is_next(self, session: Session, number: int) -> bool:
        """Whether the frame with this number was not taken yet; then it counts as taken."""
        if number <= self._numbers[session.ref]:
            return False
        self._numbers[session.ref] = number
        return True


def _key(session: Session) -> tuple[str, str, int]:
    return (session.identity.user_id, session.identity.device_id, session.identity.epoch)
