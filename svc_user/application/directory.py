"""What other services ask about people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.ids import Ids
from mesh.session_end import SessionEnd
from svc_user.domain.account import Account, Profile, UserId, UserKind, checked_profile
from svc_user.domain.bot import Bots
from svc_user.domain.contact import Verdict, may_see_presence, may_write
from svc_user.domain.notice import ProfileNotice
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import Accounts, Notices, Relations, Sessions, Stale, UsernameTaken
from svc_user.domain.reasons import Reason
from svc_user.domain.session import SessionId

MAX_ATTEMPTS: Final = 3
"""Several processes of svc_ai start at once and ensure the same assistant."""

UserPair = tuple[UserId, UserId]


@dataclass(frozen=True, slots=True)
class Contact:
    """Whether the first of a pair may write to the second."""

    verdict: Verdict
    friends: bool
    receiver_is_assistant: bool
    sender_is_bot: bool


class Directory:
    """Answers from the people store."""

    def __init__(
        self,
        accounts: Accounts,
        relations: Relations,
        sessions: Sessions,
        oversight: Oversight,
        bots: Bots,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._bots = bots
        self._relations = relations
        self._sessions = sessions
        self._oversight = oversight
        self._clock = clock

    async def people(self, after: UserId, limit: int) -> list[UserId]:
        """Ids of people who can log in, in their order."""
        return await self._oversight.people_after(after, limit)

    async def bots(self, after: UserId, limit: int) -> list[UserId]:
        """Ids of bots, in their order."""
        return await self._bots.after(after, limit)

    async def contacts(self, pairs: Sequence[UserPair]) -> list[Contact]:
        """For each (sender, receiver), in their order, whether the sender may write."""
        accounts = await self._accounts.get({user_id for pair in pairs for user_id in pair})
        both_ways = {*pairs, *((receiver, sender) for sender, receiver in pairs)}
        sides = await self._relations.sides(both_ways)
        answers = []
        for sender, receiver in pairs:
            ours, theirs = sides[sender, receiver], sides[receiver, sender]
            writer, addressee = accounts.get(sender), accounts.get(receiver)
            verdict = may_write(writer, addressee, ours, theirs)
            is_assistant = addressee is not None and addressee.is_assistant
            is_bot = writer is not None and writer.kind is UserKind.BOT
            answers.append(Contact(verdict, ours.friend and theirs.friend, is_assistant, is_bot))
        return answers

    async def visible(self, watcher: UserId, user_ids: Sequence[UserId]) -> list[UserId]:
        """Those whose presence the watcher may see, in their order."""
        accounts = await self._accounts.get(set(user_ids))
        pairs = [(watcher, user_id) for user_id in user_ids]
        sides = await self._relations.sides([*pairs, *((user_id, watcher) for user_id in user_ids)])
        return [
            user_id
            for user_id in dict.fromkeys(user_ids)
            if user_id in accounts
            and may_see_presence(accounts[user_id], sides[watcher, user_id], sides[user_id, watcher])
        ]

    async def profiles(self, user_ids: Sequence[UserId]) -> list[Account]:
        """Accounts in the order of their first mention; unknown ids are left out."""
        found = await self._accounts.get(set(user_ids))
        return [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found]

    async def sessions(self, session_ids: Sequence[SessionId]) -> tuple[list[SessionId], dict[SessionId, SessionEnd]]:
        """Those that are live, in their order, and why others were ended."""
        wanted = dict.fromkeys(session_ids)
        live = await self._sessions.live_ids(wanted, self._clock.now_ms())
        over = [session_id for session_id in wanted if session_id not in live]
        ends = await self._sessions.ends(over) if over else {}
        return [session_id for session_id in wanted if session_id in live], ends


class Assistants:
    """Accounts of assistants."""

    def __init__(self, accounts: Accounts, notices: Notices, ids: Ids, clock: Clock) -> None:
        self._accounts = accounts
        self._notices = notices
        self._ids = ids
        self._clock = clock

    async def ensure(self, username: str, profile: Profile) -> tuple[UserId, bool]:
        """The assistant of this name, made or brought up to date, and whether it was made. USERNAME_TAKEN."""
        for _ in range(MAX_ATTEMPTS):
            try:
                return await self._attempt(username, profile)
            except (Stale, UsernameTaken):
                continue
        raise errors.unavailable(Reason.OVERLOADED, "others change this assistant at once", retry_after=1.0)

    async def _attempt(self, username: str, profile: Profile) -> tuple[UserId, bool]:
        now = self._clock.now_ms()
        wanted = checked_profile(profile, username, now)
        before = await self._accounts.named(username)
        if before is None:
            fresh = Account(UserId(self._ids.new("u")), username, wanted, now, kind=UserKind.ASSISTANT)
            await self._accounts.add(fresh, "", None)
            return fresh.user_id, True
        if not before.is_assistant:
            raise errors.already_exists(Reason.USERNAME_TAKEN, "the name belongs to a person")
        after = before.with_profile(wanted)
        if after is not before:
            await self._accounts.update(before, after, (ProfileNotice(after.user_id, after.version),))
            self._notices.dispatch()
        return before.user_id, False
