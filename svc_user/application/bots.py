"""Make, change and end bots."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.ids import Ids
from svc_user.application.profiles import Profiles
from svc_user.application.register import REMEMBERED_MS
from svc_user.domain.account import Account, Profile, UserId, UserKind, UserState, checked_profile, fold
from svc_user.domain.bot import Bot, Bots, check_bot_name, room_for, unknown_bot
from svc_user.domain.ports import Accounts, Registration, Stale, UsernameTaken
from svc_user.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class BotWish:
    """What a bot shall be called, and by which act it is made."""

    request_id: str
    username: str
    name: str
    description: str

    @property
    def fingerprint(self) -> bytes:
        """What must be the same when the request is repeated."""
        return hashlib.sha256(f"{self.username}\0{self.name}\0{self.description}".encode()).digest()


@dataclass(frozen=True, slots=True)
class OwnBot:
    """A bot with its account."""

    bot: Bot
    account: Account


class BotKeeping:
    """The bots of users."""

    def __init__(
        self,
        bots: Bots,
        accounts: Accounts,
        profiles: Profiles,
        erase: Callable[[UserId], Awaitable[object]],
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._bots = bots
        self._accounts = accounts
        self._profiles = profiles
        self._erase = erase
        self._ids = ids
        self._clock = clock

    async def create(self, owner_id: UserId, wish: BotWish) -> OwnBot:
        """Make a bot, or return the one that this same request made before.

        Raises USERNAME_TAKEN, USERNAME_RESERVED, INVALID_REQUEST, REQUEST_ID_REUSED, BOT_LIMIT_REACHED.
        """
        account = self._account(wish)
        # Two users may use the same request id, and a person who registers too.
        act = Registration(
            f"bot/{owner_id}/{wish.request_id}", wish.fingerprint, account.user_id, account.created_at_ms
        )
        account = await self._made_before(act) or await self._add(owner_id, account, act)
        bot = Bot(account.user_id, owner_id, account.created_at_ms)
        await self._bots.change(owner_id, lambda owned: _with(owned, bot))
        return OwnBot(bot, account)

    async def list(self, owner_id: UserId) -> list[OwnBot]:
        """The bots of a user, the oldest first."""
        owned = await self._bots.of_owner(owner_id)
        accounts = await self._accounts.get({bot.bot_id for bot in owned})
        return [OwnBot(bot, accounts[bot.bot_id]) for bot in owned if bot.bot_id in accounts]

    async def own(self, owner_id: UserId, bot_id: UserId) -> Bot:
        """The bot, if it is this user's. Raises BOT_NOT_FOUND."""
        bot = await self._bots.get(bot_id)
        if bot is None or bot.owner_id != owner_id:
            raise unknown_bot()
        return bot

    async def update(self, owner_id: UserId, bot_id: UserId, name: str, description: str) -> OwnBot:
        """Change name and description. Raises BOT_NOT_FOUND, INVALID_REQUEST, VERSION_CONFLICT."""
        bot = await self.own(owner_id, bot_id)
        account = await self._profiles.update(
            bot_id, lambda profile: replace(profile, display_name=name, bio=description), 0
        )
        return OwnBot(bot, account)

    async def delete(self, owner_id: UserId, bot_id: UserId) -> None:
        """Erase a bot like any account: first that, so that a second try finds what is left. Raises BOT_NOT_FOUND."""
        await self.own(owner_id, bot_id)
        account = (await self._accounts.get((bot_id,))).get(bot_id)
        if account is not None and account.state is not UserState.DELETED:
            await self._erase(bot_id)
        await self._bots.change(owner_id, lambda owned: [bot for bot in owned if bot.bot_id != bot_id])

    async def delete_all(self, owner_id: UserId) -> None:
        """End all bots of a user: for whoever deletes an account."""
        for bot in await self._bots.of_owner(owner_id):
            await self.delete(owner_id, bot.bot_id)

    def _account(self, wish: BotWish) -> Account:
        username, now = fold(wish.username), self._clock.now_ms()
        check_bot_name(username)
        profile = checked_profile(Profile(wish.name, bio=wish.description), username, now)
        return Account(UserId(self._ids.new("u")), username, profile, now, kind=UserKind.BOT)

    async def _add(self, owner_id: UserId, account: Account, act: Registration) -> Account:
        room_for(await self._bots.of_owner(owner_id))
        try:
            await self._accounts.add(account, "", act)
        except UsernameTaken:
            raise errors.already_exists(Reason.USERNAME_TAKEN, "another user has this name") from None
        except Stale:  # the same request, sent twice at once
            made = await self._made_before(act)
            if made is None:
                raise _reused() from None
            return made
        return account

    async def _made_before(self, act: Registration) -> Account | None:
        earlier = await self._accounts.registration(act.request_id, act.created_at_ms - REMEMBERED_MS)
        if earlier is None:
            return None
        if earlier.fingerprint != act.fingerprint:
            raise _reused()
        return (await self._accounts.get((earlier.user_id,))).get(earlier.user_id)


def _with(owned: Sequence[Bot], bot: Bot) -> Sequence[Bot]:
    """The bots with one more; one that is there stays as it is."""
    if any(one.bot_id == bot.bot_id for one in owned):
        return owned
    room_for(owned)
    return [*owned, bot]


def _reused() -> MeshError:
    return errors.already_exists(Reason.REQUEST_ID_REUSED, "this request id was used for another content")
