"""One device of the story: it shows what it sees and remembers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self

from parley.user.v1 import session_pb2
from parley_sdk import (
    Client,
    Connected,
    EntryReceived,
    Event,
    ReceiptChanged,
    ReplyPiece,
    ReplyState,
    TypingChanged,
)
from parley_terminal.demo.stage import Stage
from parley_terminal.describe import describe
from parley_terminal.names import Names, ids_in


class Device:
    """A client whose events are shown and recorded."""

    def __init__(self, title: str, address: str, state: Path, stage: Stage) -> None:
        self.title = title
        self.seen: list[Event] = []
        kind = session_pb2.Device(platform=session_pb2.PLATFORM_LINUX, name=title)
        self.client = Client(address, state=state, device=kind)
        self.names = Names(self.client)
        self._stage = stage
        self._changed = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.__aexit__(None, None, None)
        if self._reading is not None:
            await self._reading

    async def sees(self, what: str, found: Callable[[Event], bool], seconds: float = 5.0) -> bool:
        """Wait until the device has seen such an event; False when it does not in time, which the stage notes."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: any(map(found, self.seen)))
        except TimeoutError:
            self._stage.missing(self.title, what)
            return False
        return True

    async def sees_entry(self, conversation_id: str, seq: int, seconds: float = 5.0) -> bool:
        """Wait until the device has this entry."""
        return await self.sees(
            f"entry #{seq} of {self.names.conversation(conversation_id)}",
            lambda event: (
                isinstance(event, EntryReceived) and event.conversation_id == conversation_id and event.seq == seq
            ),
            seconds,
        )

    def entries(self, conversation_id: str) -> list[EntryReceived]:
        """Return the entries that the device was handed."""
        return [
            event
            for event in self.seen
            if isinstance(event, EntryReceived) and event.conversation_id == conversation_id
        ]

    async def _read(self) -> None:
        async for event in self.client.events():
            if isinstance(event, EntryReceived):
                await self.names.learn(ids_in(event.entry))
            self._show(event)
            async with self._changed:
                self.seen.append(event)
                self._changed.notify_all()

    def _show(self, event: Event) -> None:
        text = self._words(event)
        if text:
            self._stage.show(self.title, text)

    def _words(self, event: Event) -> str:
        match event:
            case EntryReceived():
                return self._entry(event)
            case ReceiptChanged():
                return self._receipt(event)
            case TypingChanged(_, user_id, True):
                return f"{self.names.user(user_id)} is typing …"
            case ReplyPiece():
                return self._piece(event)
        return "online" if isinstance(event, Connected) else ""

    def _receipt(self, event: ReceiptChanged) -> str:
        name = self.names.user(event.user_id)
        if event.received_seq > event.read_seq:
            return f"✓✓ {name} received up to #{event.received_seq}"
        return f"✓✓ {name} read up to #{event.read_seq}"

    def _entry(self, event: EntryReceived) -> str:
        description = describe(event.entry, self.names)
        if description is None:
            return ""
        said = f"{description.speaker}: {description.text}" if description.speaker else f"· {description.text}"
        return f"[{self.names.conversation(event.conversation_id)} #{event.seq}] {said}"

    def _piece(self, piece: ReplyPiece) -> str:
        if piece.state is ReplyState.WRITING and piece.delta:
            return f"… {piece.text[-70:]}"
        return "… the answer is complete" if piece.state is ReplyState.FINISHED else ""
