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
        """Whether the frame with this number is the next to be taken; false when it was taken before.

        PROTOCOL_VIOLATION when an earlier one has not come yet: it would count as repeated when it does.
        """
        expected = self._numbers[session.ref] + 1
        if number > expected:
            raise errors.precondition(Reason.PROTOCOL_VIOLATION, f"frame {expected} comes first")
        return number == expected

    def taken(self, session: Session, number: int) -> None:
        """The frame with this number is being taken: from now on it is a repeated one."""
        self._numbers[session.ref] = number


def _key(session: Session) -> tuple[str, str, int]:
    return (session.identity.user_id, session.identity.device_id, session.identity.epoch)
