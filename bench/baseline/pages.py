"""Raw pages: a bare server that streams records as large as entries, in messages as large as pages."""

import time

from bench.baseline import methods, serving
from bench.line import lines, read
from bench.progress import Progress


async def records_per_s(
    core: int, records: int, to_a_page: int, record_bytes: int, rounds: int, progress: Progress
) -> list[float]:
    """Return for each round how many records a second came, from the connect to the last one."""
    rates = []
    async with serving(core) as (_, address):
        for index in range(rounds):
            progress.show("raw pages", f"{index + 1}/{rounds}")
            began = time.perf_counter()
            await _take(address, methods.PAGE_ORDER.pack(records // to_a_page, to_a_page, record_bytes))
            rates.append(records / (time.perf_counter() - began))
    return rates


async def _take(address: str, order: bytes) -> None:
    pages = methods.PAGE_ORDER.unpack(order)[0]
    async with lines(address, 1) as (line,):
        stream = await line.open(methods.PAGES)
        stream.send(order)
        for _ in range(pages):
            await read(stream)
