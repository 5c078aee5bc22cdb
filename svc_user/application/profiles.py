"""Show, find and change accounts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mesh.clock import Clock
from mesh.live import Live
from svc_user.domain.account import (
    Account,
    Profile,
    UserId,
    checked_profile,
    fold,
    no_such_user,
)
from svc_user.domain.avatar import Avatars
from svc_user.domain.contact import may_find
from svc_user.domain.friend import version_conflict
from svc_user.domain.live import refused_name
from svc_user.domain.notice import ProfileNotice
from svc_user.domain.ports import Accounts, Notices, Relations, Stale


class Views:
    """Accounts as others may see them."""

    def __init__(self, accounts: Accounts, relations: Relations) -> None:
        self._accounts = accounts
        self._relations = relations

    async def of(self, viewer: UserId, user_ids: Iterable[UserId]) -> dict[UserId, Account]:
        """The accounts of these ids as the viewer may see them; unknown ids are left out."""
        return await self.show(viewer, (await self._accounts.get(set(user_ids))).values())

    async def show(self, viewer: UserId, accounts: Iterable[Account]) -> dict[UserId, Account]:
        """These accounts as the viewer may see them, in their order."""
        shown = {account.user_id: account for account in accounts}
        # Nothing but a birthday depends on who looks, and few give theirs: most calls end without a second read.
        secretive = [one.user_id for one in shown.values() if one.profile.birthday and one.user_id != viewer]
        if secretive:
            sides = await self._relations.sides([(user_id, viewer) for user_id in secretive])
            for user_id in secretive:
                theirs = sides[user_id, viewer]
                shown[user_id] = shown[user_id].shown_to(friends=theirs.friend, blocked=theirs.blocked)
        return shown


@dataclass(frozen=True, slots=True)
class Found:
    """Accounts that were found; `after` is where the next page begins, empty when there is none."""

    accounts: Sequence[Account]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; `after` as `Found` had it, empty for the first page."""

    query: str
    prefix: bool
    after: str
    limit: int


class Profiles:
    """What users see of each other, and change of themselves."""

    def __init__(
        self,
        accounts: Accounts,
        relations: Relations,
        views: Views,
        notices: Notices,
        avatars: Avatars,
        live: Live,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._relations = relations
        self._live = live
        self._views = views
        self._notices = notices
        self._avatars = avatars
        self._clock = clock

    async def get(self, viewer: UserId, user_id: UserId) -> Account:
        """One account. USER_NOT_FOUND."""
        found = await self._views.of(viewer, (user_id,))
        if user_id not in found:
            raise no_such_user()
        return found[user_id]

    async def batch(self, viewer: UserId, user_ids: Sequence[UserId]) -> list[Account]:
        """Accounts in the order of their first mention; unknown ids are left out."""
        found = await self._views.of(viewer, user_ids)
        return [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found]

    async def find(self, viewer: UserId, search: Search) -> Found:
        """Accounts by exact id, exact name or beginning of a name; those who do not want to be found are left out."""
        name = fold(search.query)
        by_id = await self._accounts.get((UserId(name),))
        if by_id:
            return Found(await self._shown(viewer, by_id.values()))
        if not search.prefix:
            exact = await self._accounts.named(name)
            return Found(await self._findable(viewer, [exact] if exact else []))
        page = await self._accounts.starting_with(name, search.after, search.limit + 1)
        accounts = await self._findable(viewer, page[: search.limit])
        return Found(accounts, page[search.limit - 1].username if len(page) > search.limit else "")

    async def _findable(self, viewer: UserId, accounts: Sequence[Account]) -> list[Account]:
        others = [(one.user_id, viewer) for one in accounts if one.user_id != viewer]
        sides = await self._relations.sides(others) if others else {}
        visible = [one for one in accounts if one.user_id == viewer or may_find(one, sides[one.user_id, viewer])]
        return await self._shown(viewer, visible)

    async def _shown(self, viewer: UserId, accounts: Iterable[Account]) -> list[Account]:
        return list((await self._views.show(viewer, accounts)).values())

    async def update(self, user_id: UserId, edit: Callable[[Profile], Profile], expected_version: int) -> Account:
        """Keep an edited profile; nothing changed is no change.

        Raises VERSION_CONFLICT, INVALID_REQUEST, CONTENT_REFUSED, and for a new picture what `Avatars.check` does.
        """
        before = await self.get(user_id, user_id)
        if expected_version not in (0, before.version):
            raise version_conflict()
        profile = checked_profile(edit(before.profile), before.username, self._clock.now_ms())
        after = before.with_profile(profile)
        if after is before:
            return before
        changed = profile.display_name != before.profile.display_name
        if changed and self._live.unwanted_name(profile.display_name):
            raise refused_name()
        if profile.avatar_media_id not in ("", before.profile.avatar_media_id):
            await self._avatars.check(user_id, profile.avatar_media_id)
        try:
            await self._accounts.update(before, after, (ProfileNotice(user_id, after.version),))
        except Stale:
            raise version_conflict() from None
        self._notices.dispatch()
        return after
