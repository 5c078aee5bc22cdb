"""Drain a gateway: its devices go elsewhere one by one, not all at once."""

import asyncio
from collections.abc import Callable
from typing import Final

from mesh.clock import Clock
from svc_gateway import domain
from svc_gateway.application.attach import Attach
from svc_gateway.application.hub import Hub

MARGIN_S: Final = 1.0
"""How much longer than the window the gateway waits for the last device."""


async def drain(attach: Attach, hub: Hub, frame: Callable[[int], bytes], window_s: float, clock: Clock) -> None:
    """Take no new devices, tell those that are here to go, wait for them, and close those that stay."""
    attach.draining = True
    for session in hub:
        session.push(frame(int(window_s * 1_000)))
    waits = {asyncio.create_task(hub.empty()), asyncio.create_task(clock.sleep(window_s + MARGIN_S))}
    _, late = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in late:
        wait.cancel()
    for session in hub:
        session.close(domain.draining())
    await asyncio.sleep(0)
