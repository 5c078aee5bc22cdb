"""What the machine asks its driver to do, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parley.conversation.v1 import conversation_pb2
from parley.gateway.v1 import frame_pb2
from parley.message.v1 import entry_pb2
from parley_sdk.errors import ParleyError
from parley_sdk.events import Event
from parley_sdk.machine.saved import SavedPlace, SavedSend

if TYPE_CHECKING:
    from parley_sdk.machine.places import Place


@dataclass(frozen=True, slots=True)
class Sent:
    """A message is durable and has its place."""

    conversation_id: str
    client_message_id: int
    seq: int
    sent_at_ms: int
    duplicate: bool
    """It had been accepted before: an earlier answer was lost."""
    replaced: bool = False
    """It stands there with another text, by the installation's policy; its entry comes as those of others do."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """An entry on its way to the app. Give it back with `Machine.taken` when the app has dealt with it."""

    entry: entry_pb2.Entry
    place: Place
    stream: int
    """The stream that pushed it, for the flow window; 0 when it came another way."""


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Open stream `stream` and write `frame` first."""

    stream: int
    frame: frame_pb2.ClientFrame


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Close it; write `last` before, if there is one. Nothing that it says matters any more."""

    stream: int
    last: frame_pb2.ClientFrame | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Fetch a new access token: answer with `token_changed` or `refresh_failed`."""


@dataclass(frozen=True, slots=True)
class Pull:
    """Call ConversationService.Sync with these positions: answer with `pulled` or `pull_failed`, in any case."""

    positions: tuple[conversation_pb2.Position, ...]


@dataclass(frozen=True, slots=True)
class ListStates:
    """Read the states of all conversations with ListConversations: answer with `listed` or `list_failed`."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell whoever waits for this send."""

    conversation_id: str
    client_message_id: int
    outcome: Sent | ParleyError


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the app. Of several with the same `key` that it did not take yet, only the last matters."""

    event: Event
    key: tuple[str, ...] = ()
    droppable: bool = False
    """May be lost when the app is behind."""


@dataclass(frozen=True, slots=True)
class KeepSend:
    """Store this before anything is written to the stream."""

    send: SavedSend


@dataclass(frozen=True, slots=True)
class DropSend:
    """Remove it from the store."""

    client_message_id: int


@dataclass(frozen=True, slots=True)
class KeepPlace:
    """Store this in place of what was known of the conversation."""

    place: SavedPlace


@dataclass(frozen=True, slots=True)
class ForgetPlace:
    """Remove it from the store."""

    conversation_id: str


StoreAction = KeepSend | DropSend | KeepPlace | ForgetPlace
Action = StoreAction | OpenStream | CloseStream | RefreshToken | Pull | ListStates | Settle | Notify | Delivery
