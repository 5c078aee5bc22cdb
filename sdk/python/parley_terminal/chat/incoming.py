"""Shows what comes in while the user types."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from parley.message.v1 import entry_pb2, notice_pb2
from parley_sdk import (
    Connected,
    Disconnected,
    EntryReceived,
    Event,
    FrameRefused,
    ParleyError,
    PresenceChanged,
    ReceiptChanged,
    Replaced,
    ReplyPiece,
    SendFailed,
    SignedOut,
    Stopped,
    Synced,
    TypingChanged,
)
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.people import watch_friends
from parley_terminal.describe import describe
from parley_terminal.names import ids_in

_SHOWN: Final = 5
_BEFRIENDED: Final = {notice_pb2.FriendNotice.KIND_ACCEPTED, notice_pb2.FriendNotice.KIND_DELETED}


class Incoming:
    """Reads the events of the client until it is closed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._missed: dict[str, list[EntryReceived]] | None = defaultdict(list)
        """What comes before the first Synced is shown together."""

    async def run(self) -> None:
        """Show events as they come."""
        async for event in self._desk.client.events():
            try:
                await self._take(event)
            except ParleyError as error:
                self._desk.screen.error(str(error))
            self._desk.screen.redraw()

    async def _take(self, event: Event) -> None:
        match event:
            case EntryReceived():
                await self._entry(event)
            case ReceiptChanged():
                self._desk.receipt(event)
            case TypingChanged():
                self._desk.typing(event)
            case ReplyPiece():
                self._desk.reply(event)
            case PresenceChanged(user_id, _, _):
                self._desk.seen[user_id] = event
            case Synced():
                await self._synced()
            case _:
                self._connection(event)

    def _connection(self, event: Event) -> None:
        desk = self._desk
        match event:
            case Connected():
                desk.online = True
            case Disconnected(error, _):
                desk.online = False
                desk.screen.say(f"offline, trying again ({error or 'the server closed the stream'})")
            case Replaced():
                self._over("this device is in use elsewhere")
            case SignedOut(error) | Stopped(error):
                desk.signed_out = isinstance(event, SignedOut)
                self._over(str(error))
            case SendFailed(conversation_id, _, error):
                desk.screen.error(f"not sent to {desk.names.conversation(conversation_id)}: {error}")
            case FrameRefused(field, _, error):
                desk.screen.error(f"{field}: {error}")

    def _over(self, why: str) -> None:
        self._desk.online = False
        self._desk.leaving = True
        self._desk.screen.error(f"the session is over: {why}. Press Enter.")

    async def _entry(self, event: EntryReceived) -> None:
        await self._learn(event)
        new = self._desk.entered(event)
        if event.entry.content.post.body.HasField("assistant_reply"):
            self._desk.chat(event.conversation_id).reply = None
        if self._missed is None:
            await self._show(event)
        elif new and not event.own:
            self._missed[event.conversation_id].append(event)

    async def _learn(self, event: EntryReceived) -> None:
        names, content = self._desk.names, event.entry.content
        await names.learn(ids_in(event.entry))
        if content.group.HasField("name"):
            names.rename_group(event.conversation_id, content.group.name)
        if content.group_notice.group_name:
            names.rename_group(content.group_notice.group_id, content.group_notice.group_name)
        if content.friend.kind in _BEFRIENDED:
            await watch_friends(self._desk)
        if event.kind == "profile":
            await names.refresh(event.conversation_id)

    async def _show(self, event: EntryReceived) -> None:
        open_now = event.conversation_id == self._desk.open_id
        show(self._desk, event, place="" if open_now else self._desk.names.conversation(event.conversation_id))
        if open_now or event.conversation_id == self._desk.client.user_id:
            await self._desk.mark_read(event.conversation_id)

    async def _synced(self) -> None:
        missed, self._missed = self._missed, None
        for conversation_id, events in (missed or {}).items():
            name = self._desk.names.conversation(conversation_id)
            if len(events) > _SHOWN:
                self._desk.screen.say(f"{len(events) - _SHOWN} earlier ones in {name}: /chat {name}, then /history")
            for event in events[-_SHOWN:]:
                show(self._desk, event, place=name)
        if missed:
            await self._desk.mark_read(self._desk.client.user_id)


def show(desk: Desk, event: EntryReceived, place: str = "") -> None:
    """Print an entry."""
    entry = event.entry
    description = describe(entry, desk.names)
    if description is None:
        return
    if description.speaker:
        speaker = "you" if event.own else description.speaker
        desk.screen.message(entry, speaker=speaker, text=description.text, own=event.own, place=place)
    else:
        desk.screen.happened(entry, text=description.text + _hint(desk, entry), place=place)


def _hint(desk: Desk, entry: entry_pb2.Entry) -> str:
    """Say what to type about a friend request."""
    notice = entry.content.friend
    asked = notice.kind == notice_pb2.FriendNotice.KIND_REQUESTED and not notice.own
    return f" — /accept {desk.names.username(notice.user_id)}" if asked else ""
