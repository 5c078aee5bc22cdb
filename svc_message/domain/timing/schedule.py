"""Messages that wait for their time."""

from dataclasses import dataclass
from typing import Final, Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId, DeviceId, UserId
from svc_message.domain.reasons import Reason

MAX_WAITING: Final = 100
"""Scheduled messages of one user."""

MAX_AHEAD_MS: Final = 366 * 86_400_000

CLAIM_MS: Final = 60_000
"""How long who sends a message has it alone. Of a node that died the message is sent by another one after that."""

TRY_AGAIN_MS: Final = 5_000
"""When it could not be found out whether a message may be written, it is tried again after so long."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A message that waits. Its user, conversation and number name it."""

    user_id: UserId
    device_id: DeviceId
    conversation_id: ConversationId
    client_message_id: int
    send_at_ms: int
    send: bytes
    """As the contract encodes it."""

    @property
    def key(self) -> tuple[ConversationId, DeviceId, int]:
        """The key that it will have in the log."""
        return self.conversation_id, self.device_id, self.client_message_id

    def same_as(self, other: "Scheduled") -> bool:
        """Whether the other one says the same, at whatever time."""
        return (self.send, self.device_id) == (other.send, other.device_id)


def refuse_time(send_at_ms: int, now_ms: int) -> MeshError | None:
    """The reason why a message cannot be scheduled for this time; None when it can."""
    if now_ms < send_at_ms <= now_ms + MAX_AHEAD_MS:
        return None
    return errors.invalid(Reason.TIME_INVALID, "send_at_ms must be in the future, at most a year ahead")


def full() -> MeshError:
    """The answer to one message too many."""
    message = f"{MAX_WAITING} scheduled messages of yours wait already; cancel one"
    return errors.exhausted(Reason.SCHEDULE_LIMIT_REACHED, message)


class Schedules(Protocol):
    """Where they wait."""

    async def add(self, one: Scheduled, most: int) -> Scheduled | None:
        """Keep it durably and return it, or what has its name already. None: `most` of its user wait."""

    async def of_user(self, user_id: UserId) -> list[Scheduled]:
        """All that wait of a user, the next one first."""

    async def cancel(self, user_id: UserId, conversation_id: ConversationId, client_message_id: int) -> bool:
        """Forget it; False when there is none, or when it is being sent."""

    async def due(self, now_ms: int, limit: int) -> list[Scheduled]:
        """Those whose time has come, the longest overdue first."""

    async def next_due(self) -> int | None:
        """When the next one is due, Unix milliseconds; None when none waits."""

    async def claim(self, one: Scheduled, now_ms: int, until_ms: int) -> bool:
        """Let nobody cancel it, and nobody else claim it until then: it is being sent.

        False when it is not due: it was cancelled, another one has its name by now, or somebody else sends it.
        """

    async def put_off(self, one: Scheduled, claimed_ms: int, until_ms: int, *, cancellable: bool) -> None:
        """Let it be due again at this time. `cancellable`: surely it was not written, so it can be taken back until
        then. `claimed_ms` is until when it was claimed: where somebody else has claimed it since nothing is done.
        """

    async def done(self, one: Scheduled) -> None:
        """Forget it: it was sent, or refused. Another one that has its name by now stays."""
