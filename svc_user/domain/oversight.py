"""What administrators see of accounts and do to them, and the store port for it."""

from dataclasses import dataclass, replace
from typing import Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_user.domain.account import Account, UserId, UserState
from svc_user.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How an account stands with the installation. A suspension until 0 lasts until it is lifted; times in Unix ms."""

    user_id: UserId
    state: UserState = UserState.ACTIVE
    admin: bool = False
    suspended_until_ms: int = 0
    suspension_reason: str = ""

    @property
    def active(self) -> bool:
        """Whether the account can be used."""
        return self.state is UserState.ACTIVE

    def suspended(self, until_ms: int, reason: str) -> "AccountStatus":
        """The account closed. USER_IS_ADMIN, USER_DELETED."""
        self.check_ordinary()
        return replace(self, state=UserState.SUSPENDED, suspended_until_ms=until_ms, suspension_reason=reason)

    def lifted(self) -> "AccountStatus":
        """The account open again; one that is open stays so. USER_DELETED."""
        self.check_exists()
        return replace(self, state=UserState.ACTIVE, suspended_until_ms=0, suspension_reason="")

    def appointed(self, *, admin: bool) -> "AccountStatus":
        """The account with or without the role. USER_DELETED, USER_SUSPENDED."""
        self.check_exists()
        if admin and not self.active:
            raise errors.precondition(Reason.USER_SUSPENDED, "the account is suspended: lift that first")
        return replace(self, admin=admin)

    def check_ordinary(self) -> None:
        """Raise USER_DELETED, or USER_IS_ADMIN for who has to lose the role before."""
        self.check_exists()
        if self.admin:
            raise errors.precondition(Reason.USER_IS_ADMIN, "this user is an administrator: take the role first")

    def check_exists(self) -> None:
        """Raise USER_DELETED."""
        if self.state is UserState.DELETED:
            raise errors.precondition(Reason.USER_DELETED, "the account was deleted")


@dataclass(frozen=True, slots=True)
class Overseen:
    """An account with its status."""

    account: Account
    status: AccountStatus


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts to list: all that is given must hold. `prefix` is of the username, taken literally.

    `after` is the sort key of the last one of the page before: the username, or the id of a deleted account.
    """

    prefix: str = ""
    state: UserState | None = None
    admins_only: bool = False
    after: str = ""
    limit: int = 50


class Oversight(Protocol):
    """Accounts as administrators have them. Every method raises UNAVAILABLE when the store cannot answer."""

    async def status(self, user_id: UserId) -> AccountStatus | None:
        """How this account stands; None when there is none."""

    async def find(self, wanted: Wanted) -> list[Overseen]:
        """Accounts by name."""

    async def keep(self, before: AccountStatus, after: AccountStatus) -> None:
        """Keep a changed status. Raises Stale when it is not `before` any more. A change of the state gives the account
        its next version, so that copies of it are renewed.
        """

    async def due(self, now_ms: int, limit: int) -> list[AccountStatus]:
        """Suspensions that have ended by now."""

    async def erase(self, user_id: UserId) -> None:
        """Remove what is left of a deleted account but the id: its name, profile, devices, and what its sessions, notes
        about friends and friend requests say. The name is never given again; that it was taken is kept as a hash. What
        was removed is in no file of the store when this returns. Doing it twice is no error.
        """

    async def people_after(self, user_id: UserId, limit: int) -> list[UserId]:
        """Ids of people who can log in, in their order, after this one."""


def last_admin() -> MeshError:
    """The error of an act that would leave the installation without an administrator."""
    return errors.precondition(Reason.LAST_ADMIN, "there would be no administrator left")


def sort_key(account: Account) -> str:
    """Where an account stands in a list by name."""
    return account.username or account.user_id


class Elsewhere(Protocol):
    """Another service that keeps something of users."""

    async def forget(self, user_id: UserId) -> None:
        """Let it remove what it keeps of an erased user. Idempotent. UNAVAILABLE or UNIMPLEMENTED: not done yet."""
