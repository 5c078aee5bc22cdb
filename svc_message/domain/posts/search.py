"""The port to the index of texts."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from svc_message.domain.conversation import ConversationId, Seq


class Text(NamedTuple):
    """The words of one post or edit; see svc_message.domain.posts.words."""

    seq: Seq
    words: tuple[str, ...]


class Hit(NamedTuple):
    """A post or edit that may be meant, and its place in the answer."""

    conversation_id: ConversationId
    seq: Seq
    place: str


class Lookup(NamedTuple):
    """What is looked for: entries of these conversations that have words with all these beginnings.

    `sender_id` is empty for anyone; `behind` is the place of the last hit that is known, or empty.
    """

    ids: Collection[ConversationId]
    words: Sequence[str]
    sender_id: str = ""
    behind: str = ""


class SearchIndex(Protocol):
    """Finds entries by their words. It is made from the log, may lack its end, and says how far it goes."""

    async def reached(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """Up to where each conversation is in the index; 0 for those that are not."""

    async def add(self, conversation_id: ConversationId, texts: Sequence[Text], reached: Seq) -> None:
        """Take in texts, and that all up to `reached` is in. Again, or by two at once, does no harm.

        What was recalled meanwhile is not taken in, and a recall takes out what was: its words are gone from the store.
        """

    async def find(self, lookup: Lookup, limit: int) -> list[Hit]:
        """What was found, the one that was written last first, at most `limit`, behind the given place.

        A place that is none of this index is behind all.
        """
