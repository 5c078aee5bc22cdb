"""Block users, lift blocks, list them."""

from mesh.clock import Clock
from svc_user.application.pairs import Pairs
from svc_user.domain import friendship
from svc_user.domain.account import UserId, no_such_user
from svc_user.domain.friend import Side, self_named
from svc_user.domain.ports import Accounts, Relations


class Blocks:
    """Whom a user does not want to hear from."""

    def __init__(self, accounts: Accounts, relations: Relations, pairs: Pairs, clock: Clock) -> None:
        self._accounts = accounts
        self._relations = relations
        self._pairs = pairs
        self._clock = clock

    async def block(self, me: UserId, other: UserId) -> Side:
        """Block; twice is no error. Raises FRIEND_SELF, USER_NOT_FOUND and BLOCK_LIMIT_REACHED."""
        if me == other:
            raise self_named()
        if other not in await self._accounts.get((other,)):
            raise no_such_user()
        now = self._clock.now_ms()
        return (await self._pairs.change(me, other, lambda pair: friendship.block(pair, now))).mine

    async def unblock(self, me: UserId, other: UserId) -> None:
        """Lift a block; twice is no error."""
        if me != other:
            await self._pairs.change(me, other, friendship.unblock)

    async def list(self, me: UserId, before: tuple[int, str] | None, limit: int) -> list[Side]:
        """Whom the user blocked, newest first."""
        return await self._relations.blocked(me, before, limit)
