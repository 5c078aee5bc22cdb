"""Names in place of ids."""

from __future__ import annotations

from collections.abc import Iterable

from parley.group.v1 import group_pb2
from parley.message.v1 import entry_pb2
from parley.user.v1 import user_pb2
from parley_sdk import Client, Code, ParleyError, is_direct, is_group, peer_of


class Names:
    """What is known of users and groups; asks the server for what is not."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._users: dict[str, user_pb2.User] = {}
        self._groups: dict[str, str] = {}

    def know_user(self, user: user_pb2.User) -> None:
        """Take a user in."""
        if user.user_id:
            self._users[user.user_id] = user

    def know_group(self, group: group_pb2.Group) -> None:
        """Take a group in."""
        self._groups[group.group_id] = group.settings.name

    def rename_group(self, group_id: str, name: str) -> None:
        """Take a new name of a group in."""
        self._groups[group_id] = name

    def user(self, user_id: str) -> str:
        """Return the name to show for a user."""
        known = self._users.get(user_id)
        if known is None:
            return user_id or "the system"
        name = known.profile.display_name or known.username or "a deleted user"
        return f"{name} (bot)" if known.kind == user_pb2.USER_KIND_BOT else name

    def username(self, user_id: str) -> str:
        """Return the name to type for a user."""
        known = self._users.get(user_id)
        return known.username if known else user_id

    def conversation(self, conversation_id: str) -> str:
        """Return the name to show for a conversation."""
        if is_direct(conversation_id):
            return self.user(peer_of(conversation_id, self._client.user_id))
        return self._groups.get(conversation_id, conversation_id) if is_group(conversation_id) else "notices"

    def typable(self) -> list[str]:
        """Return all that can be typed as the name of a user or a group."""
        users = [user.username for user in self._users.values() if user.user_id != self._client.user_id]
        return sorted({*users, *self._groups.values()} - {""})

    def group_called(self, name: str) -> str | None:
        """Return the id of a known group, None when none is called so."""
        return next((group_id for group_id, known in self._groups.items() if known.casefold() == name.casefold()), None)

    async def user_called(self, name: str) -> user_pb2.User | None:
        """Return the user with this username or shown name, None when there is none."""
        wanted = name.casefold()
        for user in self._users.values():
            if wanted in {user.username.casefold(), user.profile.display_name.casefold()}:
                return user
        found = await self._client.users.find(wanted) if len(name) > 1 else []
        if not found:
            return None
        self.know_user(found[0])
        return found[0]

    async def learn(self, ids: Iterable[str]) -> None:
        """Ask for the users and groups among these ids that are not known."""
        wanted = set(ids)
        users = [known for known in wanted if known.startswith("u") and known not in self._users]
        try:
            for user in await self._client.users.get_many(users) if users else []:
                self.know_user(user)
            for group_id in wanted:
                if is_group(group_id) and group_id not in self._groups:
                    self.rename_group(group_id, await self._group_name(group_id))
        except ParleyError:
            # Ids are shown then; the next entry asks again.
            return

    async def _group_name(self, group_id: str) -> str:
        try:
            return (await self._client.groups.get(group_id)).settings.name
        except ParleyError as error:
            if error.code is Code.NOT_FOUND:
                return "a group that you left"
            raise

    async def refresh(self, user_id: str) -> None:
        """Ask for a user anew."""
        self._users.pop(user_id, None)
        await self.learn([user_id])


def ids_in(entry: entry_pb2.Entry) -> set[str]:
    """Return the users and groups that an entry is about."""
    content, ids = entry.content, {entry.sender_id, *entry.conversation_id.split("-")}
    ids.update(member.user_id for member in (*content.membership.added, *content.membership.updated))
    ids.update(content.membership.removed_user_ids)
    ids.update({content.friend.user_id, content.group_notice.actor_id, content.tombstone.recalled_by})
    return ids - {""}
