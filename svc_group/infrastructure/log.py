"""The message service as this one uses it: debts become entries of its logs."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from mesh.outbox import Outbox, Owed
from parley.log.v1 import log_service_pb2, log_service_pb2_grpc

MAX_BYTES: Final = 256 * 1024
"""Appends of one call, in bytes: a quarter of what one message of the mesh may hold."""

APPEND_S: Final = 5.0
"""Seconds that one call may take."""

SETTLE_S: Final = 2.0
"""Seconds that a caller waits for the entries of their change; after that they come on their own."""


class LogWriter:
    """Pays debts with `LogService.Append`."""

    def __init__(self, stub: log_service_pb2_grpc.LogServiceStub) -> None:
        self._stub = stub

    async def pay(self, debts: Sequence[Owed]) -> None:
        """Append the entries in their order; the id of a debt makes it idempotent. Raises MeshError."""
        for batch in _batches(debts):
            appends = [_numbered(debt) for debt in batch]
            await self._stub.Append(log_service_pb2.AppendRequest(appends=appends), timeout=APPEND_S)


class Settlement:
    """`Debts` over an outbox: one caller's hurry, or their going away, never stops a payment halfway."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._paying: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Wait for what is owed now to be paid, but no longer than `SETTLE_S`."""
        task = asyncio.create_task(self._outbox.settle(), name="settle")
        self._paying.add(task)
        task.add_done_callback(self._paying.discard)
        await asyncio.wait({task}, timeout=SETTLE_S)

    async def aclose(self) -> None:
        """Stop paying; what is left is paid by the next process."""
        for task in tuple(self._paying):
            task.cancel()
        await asyncio.gather(*self._paying, return_exceptions=True)


def _numbered(debt: Owed) -> log_service_pb2.Append:
    append = log_service_pb2.Append.FromString(debt.payload)
    append.client_message_id = debt.id
    return append


def _batches(debts: Sequence[Owed]) -> Iterator[list[Owed]]:
    batch: list[Owed] = []
    size = 0
    for debt in debts:
        if batch and size + len(debt.payload) > MAX_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(debt)
        size += len(debt.payload)
    if batch:
        yield batch
