"""The channels to the nodes of one service."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final

import grpc

from mesh import dial
from mesh.registry import Node

CALLS_PER_NODE: Final = 64
"""Calls under way at a time, for each node of a service; more wait here. A server refuses what is beyond the streams
that one connection may have (100), and still counts streams for a moment that are over for the caller."""


class Pool:
    """The channels to one list of nodes: gRPC balances over what it can list, this over the rest."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._channels = [dial.open_channel(target) for target in dial.targets([node.address for node in nodes])]
        self._turns = itertools.cycle(self._channels)
        self.room = asyncio.Semaphore(CALLS_PER_NODE * len(nodes))

    def pick(self) -> grpc.aio.Channel:
        """The channel of the next call."""
        return next(self._turns)

    async def close(self, grace: float | None = None) -> None:
        """Close them all when their calls have ended, or after so many seconds."""
        await asyncio.gather(*(channel.close(grace) for channel in self._channels))
