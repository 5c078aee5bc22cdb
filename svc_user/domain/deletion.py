"""Deleting an account for good: what it leaves, and the ports for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from svc_user.domain.account import Account, Profile, UserId, UserState
from svc_user.domain.privacy import Privacy
from svc_user.domain.session import Session


def erased(account: Account) -> Account:
    """What is left of a deleted account: its id, and its name, which is shown to nobody and given to nobody again."""
    return replace(
        account, profile=Profile(""), state=UserState.DELETED, privacy=Privacy(), version=account.version + 1
    )


class Deletions(Protocol):
    """Accounts that are being deleted. The account is gone at once; what it has elsewhere goes after it."""

    async def begin(self, before: Account, at_ms: int) -> Sequence[Session]:
        """Erase the account and its password, end its sessions, and note that the rest is to follow; all or nothing.

        Returns the sessions that ended by it. Raises Stale when the account is not as it was in `before`.
        """

    async def pending(self, limit: int) -> list[UserId]:
        """Users of whom the rest is still to follow."""

    async def done(self, user_id: UserId) -> None:
        """Nothing is left to follow. Doing it twice is no error."""
