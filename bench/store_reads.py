"""How often the server has read its stores: it writes that into its log when it is sent SIGUSR1."""

import asyncio
import json
import signal
from typing import Final

from bench.child import POLL_S, Child

ANSWER_S: Final = 5.0
COUNTS: Final = '"event":"counts"'

OF_DEVICES: Final = ("user", "group", "message")
"""Services that work for devices. The AI service is left out: it looks at its own cursors every few seconds."""


async def store_reads(child: Child) -> int | None:
    """Return how many reads there were since the server started; None when it does not say so in time."""
    before = len(_lines(child))
    child.running.send_signal(signal.SIGUSR1)
    waited = 0.0
    while len(_lines(child)) == before:
        if waited >= ANSWER_S:
            return None
        await asyncio.sleep(POLL_S)
        waited += POLL_S
    reads = json.loads(_lines(child)[-1])["store_reads"]
    return sum(int(reads[service]) for service in OF_DEVICES)


def _lines(child: Child) -> list[str]:
    return [line for line in child.output().splitlines() if COUNTS in line.replace(" ", "") and line.endswith("}")]
