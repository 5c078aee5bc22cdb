"""Notifications that nobody could carry: written down, and told again when somebody wishes."""

from collections.abc import Callable
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.push.summons import Summons
from svc_message.application.push.tell import TRIES, Counted, Teller
from svc_message.domain.conversation import UserId
from svc_message.domain.outside.sink import PUSH, Letter, Letters, letter_id
from svc_message.domain.ports import Log
from svc_message.domain.push.notification import NewsReader, Notification

POLL_S: Final = 1.0
SOME: Final = 100


class PushLetters:
    """The dead letters of notifications: of whom, and of which message."""

    def __init__(self, letters: Letters, log: Log, reader: NewsReader, clock: Clock, count: Counted) -> None:
        self._letters = letters
        self._log = log
        self._reader = reader
        self._clock = clock
        self._count = count

    async def bury(self, notification: Notification, why: str) -> None:
        """Keep one. A badge is not kept, the next message sets it; neither is what exceeds the bound."""
        if notification.news is None:
            return
        place, subject = (notification.conversation_id, notification.seq), notification.user_id
        letter = Letter(letter_id(PUSH, *place, subject), PUSH, *place, why, TRIES, self._clock.now_ms(), subject)
        if not await self._letters.keep(letter):
            self._count("dropped")

    async def run(self, teller: Teller, owns: Callable[[], bool]) -> None:
        """Tell again of what somebody wishes, for ever."""
        while True:
            await self._clock.sleep(POLL_S)
            if owns():
                await self._quietly(teller)

    async def _quietly(self, teller: Teller) -> None:
        try:
            for letter in await self._letters.wished(PUSH, SOME):
                await self._tell_again(teller, letter)
        except MeshError:
            return  # the store is away: later

    async def _tell_again(self, teller: Teller, letter: Letter) -> None:
        found = await self._log.read(letter.conversation_id, letter.seq, letter.seq, 1)
        news = self._reader.news([one.entry for one in found])
        await self._letters.drop([letter.id])
        if news:  # not recalled meanwhile
            teller.tell(Summons(UserId(letter.subject), letter.conversation_id, tuple(news), again=True))
