"""`svc_message.domain.changes.Hidden` of a store in which nobody can hide anything."""

from collections.abc import Sequence

from svc_message.domain.conversation import ConversationId, Seq, UserId


class NothingHidden:
    """Nobody has hidden anything."""

    async def hidden(self, *_: UserId | ConversationId | Sequence[Seq]) -> set[Seq]:
        """See the port."""
        return set()
