"""The sends of a device that have no answer: on their way, waiting for room, or refused for now."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from parley.message.v1.message_service_pb2 import Send

MAX_SENDS: Final = 64
"""Sends of one frame, by the contract."""


class Outbox:
    """Keeps the order of sends. Each has the moment from which its latency counts, of `time.perf_counter`."""

    def __init__(self) -> None:
        self.max_in_flight = 0
        self._open: dict[int, tuple[Send, float]] = {}
        self._waiting: list[Send] = []
        self._refused: list[Send] = []

    def __len__(self) -> int:
        """How many have no answer."""
        return len(self._open)

    @property
    def in_flight(self) -> int:
        """How many are on their way."""
        return len(self._open) - len(self._waiting) - len(self._refused)

    @property
    def paused(self) -> bool:
        """Whether refused sends wait until they may come again, and all others behind them."""
        return bool(self._refused)

    @property
    def ready(self) -> bool:
        """Whether a send may go."""
        return bool(self._waiting) and self._room() > 0

    def add(self, send: Send, since: float) -> None:
        """Queue a send."""
        self._open[send.client_message_id] = send, since
        self._waiting.append(send)

    def take(self) -> list[Send]:
        """What goes into the next frame."""
        room = self._room()
        batch, self._waiting = self._waiting[:room], self._waiting[room:]
        return batch

    def answered(self, number: int) -> float | None:
        """Forget a send that has its answer; return since when it waited, None when it had one before."""
        _, since = self._open.pop(number, (None, None))
        return since

    def refused(self, number: int, retry_s: float, poke: Callable[[], None]) -> None:
        """Let a send go again after this time, before what is newer; `poke` is called then."""
        if number in self._open:
            if not self._refused:
                asyncio.get_running_loop().call_later(retry_s, self._go_again, poke)
            self._refused.append(self._open[number][0])

    def _go_again(self, poke: Callable[[], None]) -> None:
        again, self._refused = self._refused, []
        now = time.perf_counter()
        self._open.update((send.client_message_id, (send, now)) for send in again)
        self._waiting = sorted([*again, *self._waiting], key=_number_of)
        poke()

    def _room(self) -> int:
        """How many sends may go: those that wait here are no load on the server."""
        return 0 if self._refused else max(0, min(MAX_SENDS, self.max_in_flight - self.in_flight))


def _number_of(send: Send) -> int:
    return send.client_message_id
