"""Delete the account of somebody else for good: what an administrator does."""

from svc_user.application.delete_account import AccountDeletion
from svc_user.domain.account import UserId, UserState, no_such_user
from svc_user.domain.oversight import Oversight


class Eraser:
    """Begins a deletion as its owner does, but for the password. What follows is done by `Remains`."""

    def __init__(self, oversight: Oversight, deletion: AccountDeletion) -> None:
        self._oversight = oversight
        self._deletion = deletion

    async def erase(self, user_id: UserId) -> int:
        """Erase; return how many sessions that ended. Raises USER_NOT_FOUND, USER_IS_ADMIN, OVERLOADED."""
        status = await self._oversight.status(user_id)
        if status is None:
            raise no_such_user()
        if status.state is UserState.DELETED:
            return 0
        status.check_ordinary()
        return await self._deletion.erase(user_id)
