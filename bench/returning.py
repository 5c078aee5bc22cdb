"""A device that comes back to more than fits into one frame: it pages what it missed, as docs/protocol.md says."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import grpc

from bench.account import Account
from bench.device import OPTIONS, Device
from bench.history import Arrival, Witness
from bench.server import Server
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import SyncRequest, SyncResponse
from parley.conversation.v1.conversation_service_pb2_grpc import ConversationServiceStub
from parley.message.v1.entry_pb2 import Entry

LIMIT: Final = 2_000
"""Entries of one answer, by the contract."""

MAX_POSITIONS: Final = 500
CALL_S: Final = 30.0


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
    async with grpc.aio.insecure_channel(running.address, options=OPTIONS) as channel:
        device = Device(account, channel)
        if await device.open():
            raise ConnectionError("the device was told that it lacks nothing")
        await _page(ConversationServiceStub(channel), account, device.states, returned)
    returned.seconds = time.perf_counter() - began
    returned.cpu_s = running.child.usage().cpu_s - cpu_s
    return returned


async def _page(
    conversations: ConversationServiceStub, account: Account, ids: Iterable[str], returned: Returned
) -> None:
    waiting = [Position(conversation_id=id_) for id_ in ids]
    while waiting:
        request = SyncRequest(positions=waiting[:MAX_POSITIONS], limit=LIMIT)
        answer = await conversations.Sync(request, metadata=account.metadata, timeout=CALL_S)
        returned.take(answer, account.user_id)
        waiting = [*answer.remaining, *waiting[MAX_POSITIONS:]]
