"""A device that comes back to more than fits into one frame: it pages what it missed, as docs/protocol.md says."""

import time
from dataclasses import dataclass, field

from bench.account import Account
from bench.device import Device
from bench.healing import pages
from bench.history import Arrival, Witness
from bench.line import lines
from bench.server import Server
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import SyncResponse
from parley.message.v1.entry_pb2 import Entry


@dataclass(slots=True)
class Returned:
    """What came, how long it took, and what it cost the server."""

    witnesses: dict[str, Witness] = field(default_factory=dict)
    entries: int = 0
    pages: int = 0
    payload_bytes: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0

    def take(self, answer: SyncResponse, user_id: str) -> None:
        """Note one page. The personal log tells of the log-in and is no message."""
        self.pages += 1
        self.payload_bytes += answer.ByteSize()
        self.entries += len(answer.entries)
        for entry in answer.entries:
            if entry.conversation_id != user_id:
                self._witness(entry).arrivals.append(Arrival(entry.seq, entry.sender_id, entry.client_message_id))

    def _witness(self, entry: Entry) -> Witness:
        return self.witnesses.setdefault(entry.conversation_id, Witness())


async def come_back(account: Account, running: Server) -> Returned:
    """Connect without positions, and page until nothing remains. Raises ConnectionError when nothing is to be paged."""
    returned = Returned()
    cpu_s, began = running.child.usage().cpu_s, time.perf_counter()
    async with lines(running.address, 1) as (line,):
        device = Device(account, line)
        if await device.open():
            raise ConnectionError("the device was told that it lacks nothing")
        places = [Position(conversation_id=id_) for id_ in device.states]
        async for answer in pages(line, account, places):
            returned.take(answer, account.user_id)
    returned.seconds = time.perf_counter() - began
    returned.cpu_s = running.child.usage().cpu_s - cpu_s
    return returned
