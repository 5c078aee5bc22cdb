"""A device of a group member: it hears what a thousand others hear, so it reads frames that it does not know alone."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

import grpc

from bench.account import Account
from bench.crowd import Batch, Crowd
from bench.device import RESUMED, Device
from bench.history import Arrival
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import SyncRequest
from parley.conversation.v1.conversation_service_pb2_grpc import ConversationServiceStub
from parley.gateway.v1.frame_pb2 import Resume, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectResponse
from parley.message.v1.entry_pb2 import Entry

PAGE: Final = 2_000
CALL_S: Final = 30.0


class Member(Device):
    """One member of the group under measurement; of a few of them delivery is timed.

    A member that was too slow and is told so reads from the log what was dropped, as the contract says.
    """

    def __init__(self, account: Account, channel: grpc.aio.Channel) -> None:
        super().__init__(account, channel)
        self._channel = channel
        self._aside: list[Arrival] | None = None
        """While a hole is open: what came, in any order."""
        self.delivery: list[float] = []
        self._crowd: Crowd | None = None
        self._due: Mapping[tuple[str, int], float] | None = None

    def join(self, crowd: Crowd, due: Mapping[tuple[str, int], float] | None) -> None:
        """From now on hear this group. `due` says when each message was due, for those whose delivery is timed."""
        self._crowd = crowd
        self._due = due
        self._seat = crowd.seat(self.account.user_id)

    def _hear(self, data: bytes) -> int:
        batch = self._crowd.known(data) if self._crowd else None
        if batch is None:
            return self._read_anew(data)
        self._taken += len(batch.arrivals)
        self._hear_batch(batch)
        return 0

    def _read_anew(self, data: bytes) -> int:
        """Read a frame that no other member had before; remember it if it has nothing but entries of the group."""
        frame = ConnectResponse.FromString(data).frame
        crowd = self._crowd
        alone = len(frame.ListFields()) == 1 and frame.entries
        if crowd and alone and all(entry.conversation_id == crowd.conversation_id for entry in frame.entries):
            batch = crowd.batch(frame.entries)
            crowd.remember(data, batch)
            self._taken += len(batch.arrivals)
            self._hear_batch(batch)
            return 0
        answers = super()._hear(data)
        if crowd:
            self._mind(crowd, frame)
        return answers

    def _mind(self, crowd: Crowd, frame: ServerFrame) -> None:
        """Open a hole when the queue was dropped, and close it when the log has told what was in it."""
        if frame.HasField("lagging"):
            self.oddities["read the log after it was too slow"] += 1
            self._aside = []
            self._resume = Resume(positions=[self._place(crowd)])
        if frame.HasField("resumed") and frame.resumed.outcome == RESUMED:
            self._close(())
        elif frame.HasField("resumed"):
            self.spawn(self._page(crowd))

    def _place(self, crowd: Crowd) -> Position:
        return Position(conversation_id=crowd.conversation_id, seq=self._seat.last)

    def _close(self, arrivals: Sequence[Arrival]) -> None:
        aside, self._aside = self._aside or [], None
        fresh = self._seat.heal([*aside, *arrivals])
        # The log also tells what this member wrote itself.
        self._note([arrival for arrival in fresh if arrival.sender_id != self.account.user_id])

    async def _page(self, crowd: Crowd) -> None:
        """Read what does not fit into a frame."""
        found: list[Arrival] = []
        waiting = [self._place(crowd)]
        while waiting:
            request = SyncRequest(positions=waiting, limit=PAGE)
            sync = ConversationServiceStub(self._channel).Sync
            answer = await sync(request, metadata=self.account.metadata, timeout=CALL_S)
            found += crowd.batch(answer.entries).arrivals if answer.entries else ()
            waiting = list(answer.remaining)
        self._close(found)

    def _take(self, entries: Sequence[Entry]) -> None:
        """Take entries that came with something else: answers, or notices of the personal log."""
        crowd = self._crowd
        if crowd is None:
            super()._take(entries)
            return
        own = [entry for entry in entries if entry.conversation_id == crowd.conversation_id]
        super()._take([entry for entry in entries if entry.conversation_id != crowd.conversation_id])
        if own:
            self._hear_batch(crowd.batch(own))

    def _hear_batch(self, batch: Batch) -> None:
        if self._aside is not None:
            self._aside += batch.arrivals
            return
        self._seat.take(batch)
        self._note(batch.arrivals)

    def _note(self, arrivals: Sequence[Arrival]) -> None:
        self.received += len(arrivals)
        if self._due is not None:
            now = time.perf_counter()
            for _, sender_id, number in arrivals:
                due = self._due.get((sender_id, number))
                if due is not None:
                    self.delivery.append(now - due)
