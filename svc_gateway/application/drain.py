"""Drain a gateway: its devices go elsewhere one by one, not all at once."""

import asyncio
from collections.abc import Callable
from typing import Final

from mesh.clock import Clock
from svc_gateway import domain
from svc_gateway.application.attach import Attach
from svc_gateway.application.hub import Hub

WINDOW_S: Final = 5.0
"""Devices connect again at a random time within this window."""

POLL_S: Final = 0.1


async def drain(attach: Attach, hub: Hub, frame: Callable[[int], bytes], clock: Clock) -> None:
    """Take no new devices, tell those that are here to go, wait for them, and close those that stay."""
    attach.draining = True
    for session in hub:
        session.push(frame(int(WINDOW_S * 1_000)))
    ends = clock.monotonic() + WINDOW_S + 1.0
    while len(hub) and clock.monotonic() < ends:
        await clock.sleep(POLL_S)
    for session in hub:
        session.close(domain.draining())
    await asyncio.sleep(0)
