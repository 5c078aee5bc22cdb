"""A client for Parley: `Client`, the events that it tells, and one error. See README.md beside this package."""

from parley_sdk.answering import Bot, Question
from parley_sdk.archive import export
from parley_sdk.client import Client
from parley_sdk.errors import Code, FieldError, ParleyError
from parley_sdk.events import (
    Connected,
    ConversationReset,
    Disconnected,
    EntryReceived,
    Event,
    FrameRefused,
    HistorySkipped,
    PresenceChanged,
    ReceiptChanged,
    Replaced,
    ReplyPiece,
    ReplyState,
    SendFailed,
    SignedOut,
    Stopped,
    Synced,
    TypingChanged,
    text_of,
    text_of_body,
)
from parley_sdk.facades.friends import FriendChanges
from parley_sdk.facades.paging import Listed, more_behind
from parley_sdk.files import body_of, media_of
from parley_sdk.ids import direct_id, is_direct, is_group, peer_of
from parley_sdk.machine.actions import Sent
from parley_sdk.machine.limits import Limits
from parley_sdk.posts import Shown, answer_to, forward_of, present

__all__ = [
    "Bot",
    "Client",
    "Code",
    "Connected",
    "ConversationReset",
    "Disconnected",
    "EntryReceived",
    "Event",
    "FieldError",
    "FrameRefused",
    "FriendChanges",
    "HistorySkipped",
    "Limits",
    "Listed",
    "ParleyError",
    "PresenceChanged",
    "Question",
    "ReceiptChanged",
    "Replaced",
    "ReplyPiece",
    "ReplyState",
    "SendFailed",
    "Sent",
    "Shown",
    "SignedOut",
    "Stopped",
    "Synced",
    "TypingChanged",
    "answer_to",
    "body_of",
    "direct_id",
    "export",
    "forward_of",
    "is_direct",
    "is_group",
    "media_of",
    "more_behind",
    "peer_of",
    "present",
    "text_of",
    "text_of_body",
]
