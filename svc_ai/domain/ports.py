"""What the AI service needs from outside, as specifications that each adapter is held to."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from svc_ai.domain.assistant import Profile
from svc_ai.domain.entry import Page, Position
from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reply import Answer, Reply, Step, Usage


class Model(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """Its name, at most 64 characters."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """Give the answer in pieces of any length, and at most once what it used.

        Raises UNAVAILABLE (MODEL_UNAVAILABLE, `retry_after` when the provider says so), DEADLINE_EXCEEDED
        (MODEL_TIMEOUT) or FAILED_PRECONDITION (CONTENT_REFUSED). Closing the generator ends the call at the provider.
        """


class Log(Protocol):
    """The logs of the message service. All raise UNAVAILABLE or DEADLINE_EXCEEDED when it does not answer."""

    async def read(self, user_id: str, conversation_id: str, after: int, limit: int) -> Page:
        """At most `limit` entries after a seq that the user may see, oldest first.

        Raises CONVERSATION_NOT_FOUND when the user is not and never was in it.
        """

    async def compare(self, user_id: str, positions: Sequence[Position]) -> list[Position]:
        """Where conversations stand for this user that differ from `positions` or are not among them."""

    async def append(self, answer: Answer) -> int:
        """Append an answer durably and return its seq; the same question's answer returns the first one's seq.

        Raises MESSAGE_ID_CONFLICT when the first one has another text, and what refuses a post of the assistant.
        """

    async def mark_read(self, user_id: str, conversation_id: str, seq: int) -> None:
        """Say that the user has read up to a seq; what was said before it changes nothing."""

    async def show(self, step: Step) -> None:
        """Show a step to the members who are online. May be lost."""


class Peers(Protocol):
    """The other nodes of this service: what one writes, the others do not know."""

    async def stop(self, user_id: str, reply_id: str) -> list[str] | None:
        """Stop a reply for the user who asked for it and return its id, or nothing when it has ended.

        None when no other node knows it as one of this user's.
        """

    async def stop_all(self, user_id: str, conversation_id: str) -> list[str]:
        """Stop what the user asked for in a conversation and return the ids."""


class Directory(Protocol):
    """The accounts of the user service."""

    async def ensure(self, profile: Profile) -> str:
        """Make the assistant's account, or bring its profile up to date, and return its user id.

        Raises USERNAME_TAKEN when the name belongs to a person, UNAVAILABLE when nobody answers.
        """


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an assistant has dealt with a conversation: nothing up to `seq` waits for an answer.

    `begun_seq` is the entry whose answer was begun last and `attempts` how often: more than once only after a crash.
    """

    assistant_id: str
    conversation_id: str
    seq: int = 0
    begun_seq: int = 0
    attempts: int = 0


class Cursors(Protocol):
    """The cursors of the assistants. All raise UNAVAILABLE when the store cannot answer."""

    async def load(self, assistant_id: str, conversation_id: str) -> Cursor:
        """The cursor, at the very beginning when there is none."""

    async def newest(self, assistant_id: str, limit: int) -> list[Cursor]:
        """The cursors that were moved last."""

    async def save(self, cursor: Cursor) -> None:
        """Keep the cursor durably. One that lies before the kept one is not kept: cursors only rise."""


class Journal(Protocol):
    """What an operator gets to know. Neither a text nor a name of a person goes there."""

    def ended(self, reply: Reply, outcome: str, seconds: float) -> None:
        """A reply ended."""

    def failed(self, what: str, error: Exception) -> None:
        """Something went wrong; the work goes on."""
