"""A server in a few lines, for the state machine: one log per conversation, and a network that may do anything."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2
from parley.gateway.v1 import frame_pb2
from parley.message.v1 import entry_pb2, message_service_pb2
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import Event
from parley_sdk.machine import Action, Limits, Machine, Saved
from parley_sdk.machine.actions import (
    CloseStream,
    Delivery,
    DropSend,
    ForgetPlace,
    KeepPlace,
    KeepSend,
    ListStates,
    Notify,
    OpenStream,
    Pull,
    RefreshToken,
    Sent,
    Settle,
)
from parley_sdk.machine.saved import SavedPlace, SavedSend

ME, OTHER = "u000000000000001", "u000000000000002"
DIRECT, GROUP = f"{ME}-{OTHER}", "g000000000000001"


def text(words: str) -> entry_pb2.Content:
    content = entry_pb2.Content()
    content.post.body.text.text = words
    return content


def send(number: int, words: str = "hello", conversation_id: str = DIRECT) -> message_service_pb2.Send:
    return message_service_pb2.Send(conversation_id=conversation_id, client_message_id=number, content=text(words))


def entry(seq: int, conversation_id: str = DIRECT, sender_id: str = OTHER) -> entry_pb2.Entry:
    return entry_pb2.Entry(conversation_id=conversation_id, seq=seq, sender_id=sender_id, content=text(f"entry {seq}"))


@dataclass
class Log:
    """The truth: what the machine must end up with."""

    entries: dict[str, list[entry_pb2.Entry]] = field(default_factory=dict)
    numbers: dict[int, entry_pb2.Entry] = field(default_factory=dict)

    def append(
        self, conversation_id: str, sender_id: str, content: entry_pb2.Content, number: int = 0
    ) -> entry_pb2.Entry:
        entries = self.entries.setdefault(conversation_id, [])
        appended = entry_pb2.Entry(
            conversation_id=conversation_id,
            seq=len(entries) + 1,
            sender_id=sender_id,
            client_message_id=number,
            content=content,
        )
        entries.append(appended)
        return appended

    def accept(self, wanted: message_service_pb2.Send) -> frame_pb2.SendResult:
        known = self.numbers.get(wanted.client_message_id)
        if known is None:
            known = self.append(wanted.conversation_id, ME, wanted.content, wanted.client_message_id)
            self.numbers[wanted.client_message_id] = known
            duplicate = False
        else:
            duplicate = True
        return frame_pb2.SendResult(
            conversation_id=known.conversation_id,
            client_message_id=wanted.client_message_id,
            seq=known.seq,
            duplicate=duplicate,
        )

    def states(self) -> list[conversation_pb2.ConversationState]:
        return [
            conversation_pb2.ConversationState(conversation_id=name, head_seq=len(entries), first_seq=1)
            for name, entries in self.entries.items()
        ]

    def sync(
        self, positions: tuple[conversation_pb2.Position, ...], limit: int
    ) -> conversation_service_pb2.SyncResponse:
        response = conversation_service_pb2.SyncResponse()
        for position in positions:
            entries = self.entries.get(position.conversation_id, [])
            missed = entries[position.seq :]
            part = missed[: max(0, limit - len(response.entries))]
            response.entries.extend(part)
            response.states.add(conversation_id=position.conversation_id, head_seq=len(entries), first_seq=1)
            if len(part) < len(missed):
                response.remaining.add(conversation_id=position.conversation_id, seq=position.seq + len(part))
        return response


@dataclass
class Disk:
    """What outlives the process: the store actions, applied."""

    places: dict[str, SavedPlace] = field(default_factory=dict)
    sends: dict[int, SavedSend] = field(default_factory=dict)

    def apply(self, action: Action) -> None:
        match action:
            case KeepPlace(place):
                self.places[place.conversation_id] = place
            case ForgetPlace(conversation_id):
                self.places.pop(conversation_id, None)
            case KeepSend(kept):
                self.sends[kept.client_message_id] = kept
            case DropSend(number):
                self.sends.pop(number, None)

    def saved(self) -> Saved:
        return Saved(tuple(self.places.values()), tuple(self.sends.values()), user_id=ME)


@dataclass
class Device:
    """A machine with a driver that does nothing by itself, and an app that takes what it is given."""

    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    disk: Disk = field(default_factory=Disk)
    now: float = 1_000.0
    stream: int = 0
    queue: deque[Delivery] = field(default_factory=deque)
    handed: list[entry_pb2.Entry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    settled: dict[int, Sent | ParleyError] = field(default_factory=dict)
    pulls: deque[Pull] = field(default_factory=deque)
    lists: int = 0
    refreshes: int = 0
    opened: list[frame_pb2.ClientFrame] = field(default_factory=list)
    closed: list[CloseStream] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start, or start again after a crash: only the disk is left."""
        self.machine = Machine(self.disk.saved(), self.limits, Random(self.seed), client="test")
        self.stream = 0
        self.queue.clear()
        self.pulls.clear()

    def start(self) -> frame_pb2.ClientFrame:
        self.machine.start(ME, "token", self.now)
        self.turn()
        return self.opened[-1]

    def welcome(self, **changes: int) -> None:
        self.hear(frame_pb2.ServerFrame(welcome=welcome(**changes)))

    def online(self, states: tuple[conversation_pb2.ConversationState, ...] = ()) -> None:
        """Connect, be welcomed, and learn where everything stands."""
        self.start()
        self.welcome()
        self.hear(
            frame_pb2.ServerFrame(resumed=frame_pb2.Resumed(outcome=frame_pb2.Resumed.OUTCOME_RESUMED, states=states))
        )

    def hear(self, frame: frame_pb2.ServerFrame, stream: int | None = None) -> None:
        self.machine.frame_received(stream or self.stream, frame, self.now)
        self.turn()

    def lose(self, error: ParleyError | None = None) -> None:
        self.machine.stream_ended(self.stream, error or ParleyError(Code.UNAVAILABLE), self.now)
        self.turn()

    def pass_time(self, seconds: float) -> None:
        """Let time pass and do what falls due on the way. Nothing is written meanwhile: that is what `said` is for."""
        end = self.now + seconds
        while (due := self.machine.wake_at(writable=False)) is not None and due <= end:
            self.now = max(self.now, due)
            self.machine.tick(self.now)
            self.turn()
        self.now = end

    def said(self) -> list[frame_pb2.ClientFrame]:
        """Return what the machine wants written now."""
        frames = []
        while (frame := self.machine.next_frame(self.now)) is not None:
            frames.append(frame)
        self.turn()
        return frames

    def turn(self) -> None:
        for action in self.machine.take_actions():
            self.disk.apply(action)
            self._perform(action)

    def take(self, count: int = 1_000_000) -> None:
        """Let the app deal with what waits for it."""
        for _ in range(min(count, len(self.queue))):
            delivery = self.queue.popleft()
            self.handed.append(delivery.entry)
            self.machine.taken(delivery, self.now)
            self.turn()

    def seqs(self, conversation_id: str = DIRECT) -> list[int]:
        self.take()
        return [handed.seq for handed in self.handed if handed.conversation_id == conversation_id]

    def _perform(self, action: Action) -> None:
        match action:
            case Delivery():
                self.queue.append(action)
            case Notify(event):
                self.events.append(event)
            case Settle(_, number, outcome):
                self.settled[number] = outcome
            case OpenStream(number, frame):
                self.stream = number
                self.opened.append(frame)
            case CloseStream():
                self.closed.append(action)
            case Pull():
                self.pulls.append(action)
            case ListStates():
                self.lists += 1
            case RefreshToken():
                self.refreshes += 1


def welcome(**changes: int) -> frame_pb2.Welcome:
    fields = {"heartbeat_interval_ms": 15_000, "max_in_flight": 256, "epoch": 1} | changes
    return frame_pb2.Welcome(user_id=ME, **fields)  # type: ignore[arg-type]  # all of them are numbers
