"""A device of a group member: it hears what a thousand others hear, so it reads frames that it does not know alone."""

import time
from collections.abc import Mapping, Sequence

from bench.account import Account
from bench.crowd import Batch, Crowd
from bench.device import Device
from bench.healing import is_whole, page
from bench.history import Arrival
from bench.line import Line
from parley.conversation.v1.conversation_pb2 import Position
from parley.gateway.v1.frame_pb2 import Resume, ServerFrame
from parley.gateway.v1.gateway_service_pb2 import ConnectResponse
from parley.message.v1.entry_pb2 import Entry


class Member(Device):
    """One member of the group under measurement; of a few of them delivery is timed.

    A member that was too slow and is told so reads from the log what was dropped, as the contract says.
    """

    def __init__(self, account: Account, line: Line) -> None:
        super().__init__(account, line)
        self._aside: list[Arrival] | None = None
        """While a hole is open: what came, in any order."""
        self._unanswered = 0
        """How often Resume was said and not answered: a hole stays open until all of it is told."""
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
        self.taken += len(batch.arrivals)
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
            self.taken += len(batch.arrivals)
            self._hear_batch(batch)
            return 0
        return super()._hear(data)

    def ask(self) -> None:
        """Open a hole, and have it closed from the log."""
        crowd = self._crowd
        if crowd is None:
            super().ask()
            return
        self._aside = self._aside or []
        self._unanswered += self._resume is None
        self._resume = Resume(positions=[self._place(crowd)])
        self.poke()

    def _place(self, crowd: Crowd) -> Position:
        return Position(conversation_id=crowd.conversation_id, seq=self._seat.last)

    def _resumed(self, frame: ServerFrame) -> None:
        crowd = self._crowd
        if crowd is None:
            super()._resumed(frame)
            return
        self.oddities["read the log"] += 1
        if is_whole(frame.resumed):
            self._close(())
        else:
            self.spawn(self._read_log(crowd))

    def _close(self, arrivals: Sequence[Arrival]) -> None:
        aside = [*(self._aside or ()), *arrivals]
        self._unanswered -= 1
        if self._unanswered > 0:
            self._aside = aside
            return
        self._aside = None
        fresh = self._seat.heal(aside)
        # The log also tells what this member wrote itself.
        self._note([arrival for arrival in fresh if arrival.sender_id != self.account.user_id])
        self.healing.answered()

    async def _read_log(self, crowd: Crowd) -> None:
        """Read what does not fit into a frame."""
        found: list[Arrival] = []
        place = self._place(crowd)

        def take(entries: Sequence[Entry]) -> None:
            found.extend(crowd.batch(entries).arrivals if entries else ())

        await page(self._log, self.account, [place], take)
        self._close(found)

    def take(self, entries: Sequence[Entry]) -> None:
        """Take entries that came with something else: answers, or notices of the personal log."""
        crowd = self._crowd
        if crowd is None:
            super().take(entries)
            return
        own = [entry for entry in entries if entry.conversation_id == crowd.conversation_id]
        super().take([entry for entry in entries if entry.conversation_id != crowd.conversation_id])
        if own:
            self._hear_batch(crowd.batch(own))

    def wrote(self, conversation_id: str, seq: int) -> None:
        """Its own places are passed over, and held against its answers at the end."""

    def _hear_batch(self, batch: Batch) -> None:
        if self._aside is not None:
            self._aside += batch.arrivals
            return
        self._note(self._seat.take(batch))

    def _note(self, arrivals: Sequence[Arrival]) -> None:
        self.received += len(arrivals)
        if self._due:
            now = time.perf_counter()
            for _, sender_id, number in arrivals:
                due = self._due.get((sender_id, number))
                if due is not None:
                    self.delivery.append(now - due)
