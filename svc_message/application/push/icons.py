"""Whose icon shows a number, by what any message node has sent.

That somebody reads is heard by the node that their device calls, which may be another one than has told them.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from svc_message.domain.conversation import UserId

MAX_USERS: Final = 100_000
"""Users who are remembered; the oldest are forgotten, and keep their number until the next post."""


class Icons:
    """What this node has sent, and what others said that they have; `say` tells the others, and must not wait."""

    def __init__(self, say: Callable[[UserId, bool], None]) -> None:
        self._say = say
        self._numbered: OrderedDict[UserId, None] = OrderedDict()

    def numbered(self, user_id: UserId) -> bool:
        """Whether the icon of this user shows a number."""
        return user_id in self._numbered

    def sent(self, user_id: UserId, unread: int) -> None:
        """This node has sent a user this number."""
        self.heard(user_id, numbered=unread > 0)
        self._say(user_id, unread > 0)

    def heard(self, user_id: UserId, *, numbered: bool) -> None:
        """Some node has sent a user a number, or that there is none any more."""
        self._numbered.pop(user_id, None)
        if numbered:
            self._numbered[user_id] = None
        if len(self._numbered) > MAX_USERS:
            self._numbered.popitem(last=False)
