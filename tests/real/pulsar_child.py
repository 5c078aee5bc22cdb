"""A process that reads one topic and writes each message on a line, until its input ends: `URL TOPIC`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

from mesh.broker import Lost
from mesh.clock import SystemClock
from mesh.infrastructure.pulsar import PulsarBroker


async def main(url: str, topic: str) -> None:
    """Read, and end as a process of the mesh does."""
    async with aclosing(PulsarBroker(url, SystemClock())) as broker, broker.subscribe(topic) as messages:
        say("reads")
        writing = asyncio.create_task(write(messages))
        await asyncio.to_thread(sys.stdin.read)
        writing.cancel()


async def write(messages: AsyncIterator[bytes | Lost]) -> None:
    """One line for each."""
    async for message in messages:
        say("lost" if isinstance(message, Lost) else message.decode())


def say(line: str) -> None:
    """At once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
