"""What the messenger knows at the moment."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from parley.conversation.v1 import conversation_pb2
from parley_sdk import Client, EntryReceived, PresenceChanged, ReceiptChanged, ReplyPiece, ReplyState, TypingChanged
from parley_terminal.chat.screen import Screen
from parley_terminal.names import Names


@dataclass(slots=True)
class Chat:
    """One conversation."""

    conversation_id: str
    head: int = 0
    """The newest entry that is counted in `unread`."""
    read_seq: int = 0
    unread: int = 0
    last_own: int = 0
    """The newest own post."""
    received: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    """How far others have received and read."""
    typists: set[str] = field(default_factory=set)
    reply: ReplyPiece | None = None
    """An answer of an assistant that is being written."""

    def mark(self) -> str:
        """Return how far the newest own post came."""
        if not self.last_own:
            return ""
        if any(seq >= self.last_own for seq in self.read.values()):
            return "✓✓ read"
        return "✓✓ received" if any(seq >= self.last_own for seq in self.received.values()) else "✓ sent"


class Desk:
    """Client, names, screen, and where every conversation stands."""

    def __init__(self, client: Client, screen: Screen) -> None:
        self.client = client
        self.screen = screen
        self.names = Names(client)
        self.open_id = ""
        """The conversation that is written to; empty: none."""
        self.online = False
        self.leaving = False
        self.signed_out = False
        self.seen: dict[str, PresenceChanged] = {}
        """How friends were seen last."""
        self._chats: dict[str, Chat] = {}

    def chat(self, conversation_id: str) -> Chat:
        """Return where a conversation stands."""
        return self._chats.setdefault(conversation_id, Chat(conversation_id))

    @property
    def chats(self) -> list[Chat]:
        """All conversations that are known."""
        return list(self._chats.values())

    @property
    def unread(self) -> list[Chat]:
        """Conversations with something new."""
        return [chat for chat in self._chats.values() if chat.unread]

    def know(self, conversation: conversation_pb2.Conversation) -> None:
        """Take in what the server says of a conversation."""
        chat = self.chat(conversation.conversation_id)
        chat.head, chat.read_seq = conversation.head_seq, conversation.read_seq
        chat.unread = conversation.unread_count
        peer = conversation.conversation_id.replace(self.client.user_id, "").strip("-")
        chat.read[peer], chat.received[peer] = conversation.peer_read_seq, conversation.peer_received_seq

    def entered(self, event: EntryReceived) -> bool:
        """Count an entry; True when the user has not seen it yet."""
        chat = self.chat(event.conversation_id)
        if event.own and event.kind == "post":
            chat.last_own = max(chat.last_own, event.seq)
        counted = event.seq > chat.head
        chat.head = max(chat.head, event.seq)
        if counted and event.kind == "post" and not event.own and event.seq > chat.read_seq:
            chat.unread += 1
        return event.seq > chat.read_seq

    async def mark_read(self, conversation_id: str) -> None:
        """Say that the user has read a conversation."""
        chat = self.chat(conversation_id)
        if chat.head > chat.read_seq or chat.unread:
            chat.unread, chat.read_seq = 0, chat.head
            await self.client.mark_read(conversation_id, chat.head)

    def receipt(self, event: ReceiptChanged) -> None:
        """Take in how far somebody has read."""
        chat = self.chat(event.conversation_id)
        if event.user_id == self.client.user_id:
            chat.read_seq = max(chat.read_seq, event.read_seq)
            chat.unread = 0 if chat.read_seq >= chat.head else chat.unread
            return
        chat.read[event.user_id] = max(event.read_seq, chat.read.get(event.user_id, 0))
        chat.received[event.user_id] = max(event.received_seq, event.read_seq, chat.received.get(event.user_id, 0))

    def typing(self, event: TypingChanged) -> None:
        """Take in who types."""
        typists = self.chat(event.conversation_id).typists
        if event.typing:
            typists.add(event.user_id)
        else:
            typists.discard(event.user_id)

    def reply(self, piece: ReplyPiece) -> None:
        """Take in a step of an answer."""
        writing = piece.state is ReplyState.WRITING
        self.chat(piece.conversation_id).reply = piece if writing else None

    def summary(self) -> dict[str, int]:
        """Return how much is new, by the name of the conversation."""
        counts: dict[str, int] = defaultdict(int)
        for chat in self.unread:
            counts[self.names.conversation(chat.conversation_id)] += chat.unread
        return counts
