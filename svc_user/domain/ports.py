"""What the user service needs from outside, as specifications that each adapter is held to.

Every store method raises UNAVAILABLE when the store cannot answer. A change and the notices owed for it are kept
together or not at all.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.session_end import SessionEnd
from svc_user.domain.account import Account, UserId
from svc_user.domain.friend import FriendRequest, FriendRequestId, Pair, Side
from svc_user.domain.notice import Notice, SessionNotice
from svc_user.domain.privacy import Privacy
from svc_user.domain.session import DeviceId, Session, SessionId


class Stale(Exception):  # noqa: N818 - not a failure: someone else was faster, and the caller decides again
    """What a change is based on is no longer so; nothing was kept."""


class UsernameTaken(Exception):  # noqa: N818 - as Stale
    """Another account has this name; nothing was kept."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Which act made an account: the same request id with the same content gets the same account."""

    request_id: str
    fingerprint: bytes
    user_id: UserId
    created_at_ms: int


class Accounts(Protocol):
    """Accounts with their password hashes."""

    async def add(self, account: Account, password_hash: str, registration: Registration | None) -> None:
        """Keep a new account. An empty hash: nobody can log in. Raises UsernameTaken, and Stale for a request id
        that was used less than 24 hours before `created_at_ms` of the registration.
        """

    async def registration(self, request_id: str, since_ms: int) -> Registration | None:
        """The act of this request id, if it was not before `since_ms`."""

    async def get(self, user_ids: Collection[UserId]) -> dict[UserId, Account]:
        """The accounts of these ids; unknown ids are left out."""

    async def named(self, username: str) -> Account | None:
        """The account with exactly this folded name."""

    async def password_hash(self, user_id: UserId) -> str:
        """The hash of the account's password; empty when nobody can log in."""

    async def starting_with(self, prefix: str, after: str, limit: int) -> list[Account]:
        """Accounts whose name starts with `prefix`, taken literally, and comes after `after`; by name."""

    async def update(self, before: Account, after: Account, notices: Sequence[Notice]) -> None:
        """Keep a changed profile. Raises Stale when the version is not that of `before` any more."""


class Privacies(Protocol):
    """The settings of accounts, which `Accounts` reads."""

    async def change(self, user_id: UserId, before: Privacy, after: Privacy, notices: Sequence[Notice]) -> None:
        """Keep changed settings. Raises Stale when they are not those of `before` any more, or there is no account."""


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What happens to the sessions of one user at once."""

    opened: Session | None = None
    renewed: tuple[Session, Session] | None = None
    """Before and after: a refresh, or tokens made anew."""
    ended: tuple[SessionId, ...] = ()
    ended_at_ms: int = 0
    end: SessionEnd = SessionEnd.UNKNOWN
    """Why they end."""
    renamed: tuple[SessionId, str] | None = None
    """A session whose device has another name now. Raises Stale when it has ended."""
    password: tuple[UserId, str, str] | None = None
    """Whose hash changes, from what, to what. Raises Stale when it is another one; the same twice only looks at it."""
    notices: tuple[Notice, ...] = ()

    def told(self, ended: Collection[SessionId]) -> list[Notice]:
        """The notices to send when these sessions of `ended` ended with this change, and the others had before.

        Two who end a session at the same moment both saw it live; its end is told once.
        """
        late = set(self.ended) - set(ended)
        return [one for one in self.notices if not (isinstance(one, SessionNotice) and one.session_id in late)]


class Sessions(Protocol):
    """Devices and their sessions. An ended or expired session is remembered for a month."""

    async def commit(self, change: SessionChange) -> None:
        """Keep the whole change or nothing.

        Raises Stale when the device of `opened` has another live session that is not among `ended`, or one of the
        same user has its request key; when `renewed` no longer has the hash of its before, or ended; when the
        password is not the one it changes from. Ending what has ended changes nothing, and its notice is not sent.
        """

    async def get(self, session_id: SessionId) -> Session | None:
        """One session, also one that ended."""

    async def live(self, user_id: UserId, now_ms: int) -> list[Session]:
        """The user's live sessions, the latest seen first."""

    async def live_ids(self, session_ids: Collection[SessionId], now_ms: int) -> set[SessionId]:
        """Which of these are live."""

    async def ends(self, session_ids: Collection[SessionId]) -> dict[SessionId, SessionEnd]:
        """Why those of these ended that were ended before their time, as far as they are remembered."""

    async def ended_since(self, since_ms: int) -> list[SessionId]:
        """Sessions that ended at this time or later, before their time."""

    async def owner(self, device_id: DeviceId) -> UserId | None:
        """Whose device this is; None when it is not known."""


@dataclass(frozen=True, slots=True)
class Entries:
    """A piece of a friend list, by version: sides that are shown or, when asked for, were removed."""

    sides: tuple[Side, ...]
    version: int
    """The version of the whole list now: every change up to it can be read, and what is kept later comes after it."""


class Relations(Protocol):
    """What users are to each other."""

    async def load(self, me: UserId, other: UserId) -> Pair:
        """Everything between the two, seen from `me`; empty when there is nothing."""

    async def save(self, before: Pair, after: Pair, notices: Sequence[Notice]) -> Pair:
        """Keep the pair and return it with its new versions. Raises Stale when it changed since it was loaded.

        A side whose entry in its owner's friend list changed gets that list's next version.
        """

    async def sides(self, pairs: Collection[tuple[UserId, UserId]]) -> dict[tuple[UserId, UserId], Side]:
        """What each first keeps about each second; a side without anything for those who are nothing to each other."""

    async def entries(self, owner: UserId, after: int, limit: int, *, removed: bool = False, tag: str = "") -> Entries:
        """The owner's friend list after a version, oldest change first; with `removed`, also who went away."""

    async def blocked(self, owner: UserId, before: tuple[int, str] | None, limit: int) -> list[Side]:
        """Whom the owner blocked, newest first, from the one before (blocked_at_ms, user id) on."""

    async def request(self, request_id: FriendRequestId) -> FriendRequest | None:
        """One request."""

    async def requests(self, query: "RequestQuery") -> list[FriendRequest]:
        """Requests, newest first."""


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Requests to (`incoming`) or from a user. Those older than `since_ms` are left out, and with `pending_since_ms`
    all that do not seem to wait or were made before it. `before` is the id of the last one of the page before.
    """

    user_id: UserId
    incoming: bool
    since_ms: int
    pending_since_ms: int | None
    before: str
    limit: int


class Passwords(Protocol):
    """Slow hashes. Bounded: raises OVERLOADED (RESOURCE_EXHAUSTED) when too many wait."""

    async def hash(self, password: str, *, known: bool = False) -> str:
        """The hash to keep. `known`: for somebody who is known to the account, whom strangers do not keep waiting."""

    async def verify(self, password_hash: str, password: str, *, known: bool = False) -> bool:
        """Whether the password is the hashed one. An empty hash takes the same time and is never right."""

    def outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than new ones are."""


class AccessToken(Protocol):
    """A signed token and when it ends (Unix ms)."""

    @property
    def token(self) -> str:
        """The token itself: a secret."""

    @property
    def expires_at_ms(self) -> int:
        """When it ends."""


class AccessTokens(Protocol):
    """Signs access tokens."""

    def access(
        self, user_id: str, device_id: str, session_id: str, *, admin: bool = False, scopes: Iterable[int] | None = None
    ) -> AccessToken:
        """A token for this session; that of an administrator is short. With `scopes` it is a bot's, and allows nothing
        else.
        """


class Gateways(Protocol):
    """Those who must hear at once that a session ended: nodes that hold streams, and whoever checks tokens."""

    async def end(self, sessions: Sequence[Session], why: SessionEnd) -> None:
        """Tell them. A hint: the store is the truth, so this may be lost and never raises."""

    async def record(self, session_ids: Sequence[SessionId]) -> None:
        """Let those who check tokens refuse these sessions. A hint, as `end`."""


class Connections(Protocol):
    """Where devices are connected."""

    async def devices(self, user_id: UserId) -> set[str]:
        """The ids of the user's devices that hold a stream now. Best effort: empty when that is not known."""


class MessageNodes(Protocol):
    """Those who remember for a while who may write to whom and who sees whom: message nodes, and gateways."""

    async def contact_changed(self, one: UserId, other: UserId) -> None:
        """Let them ask again about these two. A hint: may be lost, never raises; what they remember ends by itself."""

    async def settings_changed(self, user_id: UserId) -> None:
        """Let them ask again about this user and everybody else. A hint, as above."""


class Notices(Protocol):
    """The way to the personal logs."""

    def dispatch(self) -> None:
        """Start to deliver what was committed; returns at once."""
