"""More than the server can do: messages by the clock, whatever is unanswered."""

from collections.abc import Sequence

from bench import fleet
from bench.child import Child
from bench.device import Device
from bench.meter import Meter, Span
from bench.pairs import Pairs, paced
from bench.progress import Progress


class Offer:
    """Offers messages at a rate. What a device may not send now is held back: it counts as offered, and is gone."""

    def __init__(
        self, devices: Sequence[Device], pairs: Pairs, child: Child, window: int, rate: float, progress: Progress
    ) -> None:
        self._devices = devices
        self._pairs = pairs
        self._meter = Meter(child, self._counts, progress)
        self._window = window
        self._rate = rate
        self._progress = progress
        self._offered = 0
        self._held = 0

    async def during(self, seconds: float, warm_up_s: float) -> tuple[Span, list[float]]:
        """Measure acked, offered, refused and held back for a while; return it, and the latencies of acks."""
        name = f"{self._rate:,.0f}/s offered"
        async with paced(self._devices, self._window * len(self._devices) / self._rate, self._offer):
            await self._progress.during(f"{name}, warm-up", warm_up_s)
            fleet.take_latencies(self._devices)
            span = await self._meter.during(name, seconds)
        await self._pairs.settle(name)
        return span, fleet.take_latencies(self._devices)

    def _counts(self) -> tuple[int, ...]:
        """Acknowledged, offered, refused and held back so far."""
        refused = sum(device.refused for device in self._devices)
        return fleet.total_acked(self._devices), self._offered, refused, self._held

    def _offer(self, device: Device, due: float) -> None:
        self._offered += self._window
        if device.blocked or len(device.outbox) + self._window > device.outbox.max_in_flight:
            self._held += self._window
            return
        self._pairs.write(device, self._window, due)
        device.poke()
