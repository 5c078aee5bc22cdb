"""`svc_message.domain.posts.changes.Hidden`, from what users keep for themselves."""

from collections.abc import Sequence

from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.own import Owns, hidden


class Veils:
    """Reads the veil of a user."""

    def __init__(self, owns: Owns) -> None:
        self._owns = owns

    async def hidden(self, user_id: UserId, conversation_id: ConversationId, seqs: Sequence[Seq]) -> set[Seq]:
        """See the port."""
        veil = (await self._owns.one(user_id, conversation_id)).veil
        return {seq for seq in seqs if hidden(veil, seq)}
