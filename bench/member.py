"""A device of a group member: it hears what a thousand others hear, so it reads frames that it does not know alone."""

import time
from collections.abc import Mapping, Sequence

import grpc

from bench.account import Account
from bench.crowd import Batch, Crowd
from bench.device import Device
from parley.gateway.v1.gateway_service_pb2 import ConnectResponse
from parley.message.v1.entry_pb2 import Entry


class Member(Device):
    """One member of the group under measurement; of a few of them delivery is timed."""

    def __init__(self, account: Account, channel: grpc.aio.Channel) -> None:
        super().__init__(account, channel)
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
        return super()._hear(data)

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
        self._seat.take(batch)
        self.received += len(batch.arrivals)
        if self._due is not None:
            now = time.perf_counter()
            for _, sender_id, number in batch.arrivals:
                due = self._due.get((sender_id, number))
                if due is not None:
                    self.delivery.append(now - due)
