"""Posts that waited to be told, as they are now: one that was taken back is not told, one that was edited in new words.

What changes a post in the moment before it is told is known without looking (`collect.py`). This is for what waited for
longer, while a carrier was away.
"""

from collections.abc import Sequence
from typing import Final

from svc_message.domain.ports import Log
from svc_message.domain.push.notification import News, NewsReader

WAITED_MS: Final = 10_000
"""What is younger has not waited: longer than it is held and paused for."""

CHANGES: Final = 200
"""Edits of one post that are looked at."""


class Latest:
    """Looks at the log once more: two reads for the newest post, which is the one that is shown."""

    def __init__(self, log: Log, reader: NewsReader) -> None:
        self._log = log
        self._reader = reader

    async def of(self, news: Sequence[News], now_ms: int) -> tuple[News, ...]:
        """These posts of one conversation, up to the newest that is still there; notices as they are.

        UNAVAILABLE as the store says.
        """
        left = list(news)
        while left and left[-1].notice is None and left[-1].sent_at_ms < now_ms - WAITED_MS:
            if present := await self._present(left.pop()):
                return (*left, *present)
        return tuple(left)

    async def _present(self, post: News) -> list[News]:
        place, seq = post.conversation_id, post.seq
        found = await self._log.read(place, seq, seq, 1)
        changes = await self._log.amendments(place, seq, seq, CHANGES) if found else []
        return self._reader.news([one.entry for one in (*found, *changes)])
