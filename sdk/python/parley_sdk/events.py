"""What a client tells its app, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from parley.gateway.v1 import frame_pb2
from parley.message.v1 import body_pb2, entry_pb2
from parley_sdk.errors import ParleyError


def text_of(entry: entry_pb2.Entry) -> str:
    """Return what a client without further means can show of a post or edit; empty for other entries."""
    content = entry.content
    match content.WhichOneof("kind"):
        case "post":
            return text_of_body(content.post.body)
        case "edit":
            return text_of_body(content.edit.body)
    return ""


def text_of_body(body: body_pb2.Body) -> str:
    """Return what a client without further means can show of a body."""
    match body.WhichOneof("kind"):
        case "text":
            return body.text.text
        case "assistant_reply":
            return body.assistant_reply.text
        case "sticker":
            return body.sticker.name
    return body.fallback_text


@dataclass(frozen=True, slots=True)
class EntryReceived:
    """The next entry of a conversation: each one exactly once, in the order of `seq` (see Client)."""

    entry: entry_pb2.Entry
    own: bool
    """This user wrote or caused it, on any device."""

    @property
    def conversation_id(self) -> str:
        """The conversation."""
        return self.entry.conversation_id

    @property
    def seq(self) -> int:
        """Its place in the conversation."""
        return self.entry.seq

    @property
    def kind(self) -> str:
        """Which content it has: `post`, `edit`, `membership` …; empty for one that this version does not know."""
        return self.entry.content.WhichOneof("kind") or ""

    @property
    def text(self) -> str:
        """Text of a post or edit; empty for other kinds."""
        return text_of(self.entry)


@dataclass(frozen=True, slots=True)
class HistorySkipped:
    """Entries of a known conversation before `first_seq` do not come: no longer there, or not for this user to see."""

    conversation_id: str
    first_seq: int


@dataclass(frozen=True, slots=True)
class ConversationReset:
    """Forget what you keep of this conversation: its entries come anew."""

    conversation_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptChanged:
    """A member has read or received up to here. For the user themselves: they read it on another device."""

    conversation_id: str
    user_id: str
    read_seq: int
    received_seq: int


@dataclass(frozen=True, slots=True)
class TypingChanged:
    """Someone began or ceased to type. Ceasing is told also when no further sign came for 6 seconds."""

    conversation_id: str
    user_id: str
    typing: bool


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """How a watched user is seen. `last_seen_ms` is 0 when unknown or hidden."""

    user_id: str
    availability: frame_pb2.Availability.ValueType
    last_seen_ms: int


class ReplyState(Enum):
    """Where an assistant's answer stands."""

    WRITING = "writing"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReplyPiece:
    """A step of an assistant's answer while it is written. A hint: the finished answer comes as an entry."""

    conversation_id: str
    reply_id: str
    assistant_id: str
    """Empty when the beginning was missed and no snapshot came yet."""
    in_reply_to_seq: int
    state: ReplyState
    delta: str
    """What this step added at the end."""
    text: str
    """All that is known so far."""
    entry_seq: int
    """The entry with the answer, once finished; 0 before, and when there is none."""
    cancelled: bool = False
    """It ended because a user cancelled it."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream is open. What was missed comes now, then Synced."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Synced:
    """All that had been missed stands before this event."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The stream broke or could not be opened. The client goes on trying by itself; the next try is in `retry_in` s."""

    error: ParleyError | None
    retry_in: float


@dataclass(frozen=True, slots=True)
class Replaced:
    """A newer stream of this same device took over. The client stays offline until `connect` is called."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The session has ended. Log in again."""

    error: ParleyError

    @property
    def why(self) -> str:
        """A value of parley.user.v1.SessionEnd without `SESSION_END_`, such as DISPLACED; empty when not known."""
        return self.error.metadata.get("end", "")


@dataclass(frozen=True, slots=True)
class Stopped:
    """The client cannot go on: the server does not speak its protocol, or local state cannot be written."""

    error: ParleyError


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A send was refused for good and has left the outbox."""

    conversation_id: str
    client_message_id: int
    error: ParleyError


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """A mark or signal of this client was refused."""

    field: str
    conversation_id: str
    error: ParleyError


Event = (
    EntryReceived
    | HistorySkipped
    | ConversationReset
    | ReceiptChanged
    | TypingChanged
    | PresenceChanged
    | ReplyPiece
    | Connected
    | Synced
    | Disconnected
    | Replaced
    | SignedOut
    | Stopped
    | SendFailed
    | FrameRefused
)
