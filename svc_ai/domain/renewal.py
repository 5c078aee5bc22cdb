"""Answers that were asked for anew, kept until they are written, so that no crash loses one."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Renewal:
    """A question that is answered anew: for the `number`th time, as `request_id` of `asked_by` wants.

    Who writes it holds it until `held_until_ms` (Unix) and says so again and again; after that another one takes it.
    `tries` counts the beginnings. Of each question the last one stays for ever, as its number must not come again.
    """

    assistant_id: str
    conversation_id: str
    seq: int
    number: int
    asked_by: str
    request_id: str
    held_until_ms: int
    tries: int = 1
    done: bool = False


class Renewals(Protocol):
    """The last renewal of each question. All raise UNAVAILABLE when the store cannot answer."""

    async def find(self, assistant_id: str, conversation_id: str, seq: int) -> Renewal | None:
        """The last one of a question."""

    async def begin(self, renewal: Renewal) -> bool:
        """Keep it durably after the one before, which is done; False when another one did, or that one goes on."""

    async def take(self, renewal: Renewal, held_until_ms: int) -> bool:
        """Begin it once more, if nobody else did meanwhile: `tries` is one more, and it is held."""

    async def hold(self, renewal: Renewal, held_until_ms: int) -> None:
        """Hold it for longer. One that is done, or was begun once more, stays as it is."""

    async def end(self, renewal: Renewal) -> None:
        """It is done. Doing it twice is no error."""

    async def left(self, now_ms: int, limit: int) -> list[Renewal]:
        """Those that are not done and that nobody holds, the longest left first."""
