"""Two gateways over one cache."""

import asyncio
from dataclasses import dataclass, field

import pytest

from mesh.clock import FakeClock
from mesh.renewal import RENEW_S
from mesh.route import NodeKey, Route
from mesh.routes import Routes
from tests.mesh.cache import Cache

OURS, THEIRS = ("gateway-1", "b1"), ("gateway-2", "b2")


@dataclass
class World:
    """Two gateways over one cache."""

    clock: FakeClock
    cache: Cache
    live: set[NodeKey] = field(default_factory=lambda: {OURS, THEIRS})
    replaced: list[tuple[str, Route]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def gateway(self, node: NodeKey) -> Routes:
        """A node that holds routes."""
        return Routes(
            self.cache,
            self.clock,
            *node,
            live=lambda: self.live,
            on_replaced=lambda *lost: self.replaced.append(lost),
            on_missed=self.missed.append,
            on_removed=self.removed.append,
        )

    async def attaching(self, gateway: Routes, answer: asyncio.Event) -> "asyncio.Task[tuple[Route, Route | None]]":
        """Attach the first device of u1: its route is written, and the gateway hears of that when `answer` is set."""
        self.cache.late = answer
        attach = asyncio.create_task(gateway.attach("u1", "d1"))
        while not await gateway.lookup(["u1"]):
            pass
        return attach

    async def renew(self, *gateways: Routes, times: int = 1) -> None:
        """Let time pass as `run` does, with a renewal after each step."""
        for _ in range(times):
            self.clock.advance(RENEW_S)
            for gateway in gateways:
                await gateway.renew()


@pytest.fixture
def world() -> World:
    """Two gateways to be and an empty cache; a fixture of the suites that name it."""
    clock = FakeClock()
    return World(clock, Cache(clock))
