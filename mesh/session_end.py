"""Why a session ended before its time, in the words that whoever shows its token is told: by every service the same."""

from enum import IntEnum
from typing import Final

from mesh import errors
from mesh.errors import MeshError, Reason


class SessionEnd(IntEnum):
    """Why. The numbers are those of parley.user.v1.SessionEnd and of the store."""

    UNKNOWN = 0
    REVOKED = 1
    LOGGED_OUT = 2
    DISPLACED = 3
    PASSWORD_CHANGED = 4
    TOKEN_REPLAYED = 5
    ACCOUNT_DELETED = 6
    BY_ADMINISTRATOR = 7

    @classmethod
    def _missing_(cls, _: object) -> "SessionEnd":
        """A reason that a newer node has and this version does not know."""
        return cls.UNKNOWN


WORDS: Final = {
    SessionEnd.UNKNOWN: "the session was ended; log in again",
    SessionEnd.REVOKED: "the session was ended from another device; log in again",
    SessionEnd.LOGGED_OUT: "the session was logged out; log in again",
    SessionEnd.DISPLACED: "a newer log-in took the place of this session; log in again",
    SessionEnd.PASSWORD_CHANGED: "the password was changed; log in with the new one",
    SessionEnd.TOKEN_REPLAYED: "a token of this session was used twice, perhaps by somebody else; log in again",
    SessionEnd.ACCOUNT_DELETED: "the account was deleted",
    SessionEnd.BY_ADMINISTRATOR: "the session was ended by an administrator; log in again",
}


def session_revoked(end: SessionEnd = SessionEnd.UNKNOWN) -> MeshError:
    """The error for a session that was ended; the metadata `end` says why, where that is known."""
    metadata = {"end": end.name} if end else {}
    return errors.unauthenticated(Reason.SESSION_REVOKED, WORDS[end], **metadata)
