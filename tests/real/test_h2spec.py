"""The transport against h2spec, which tries what RFC 7540 and RFC 7541 say of servers."""

import asyncio
import contextlib
from typing import Final

import pytest

from mesh.http2 import headers
from mesh.http2.exchange import Exchange
from mesh.http2.listener import Listener
from mesh.http2.messages import TooLarge, Truncated
from mesh.http2.owner import Limits
from tests.real.program import find

pytestmark = pytest.mark.real

LIMITS: Final = Limits(max_message=65_536, max_connections=1_000, max_streams=100, age_s=0)
SUITES: Final = ("generic", "http2", "hpack")
PATIENCE_S: Final = "5"


async def serve(exchange: Exchange) -> None:
    """Read to the end, then answer with a few bytes. What h2spec sends are no messages, and is as good as any."""
    with contextlib.suppress(TooLarge, Truncated):
        while await exchange.read() is not None:
            pass
    if not exchange.send(b"hello"):
        await exchange.drained()
    exchange.finish(headers.trailers(0, "", None))


async def test_a_server_keeps_to_the_rfcs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No case of h2spec fails, those included that it calls strict.

    It asks with GET, as a browser does. That is no call of gRPC and would be answered with 405 before its stream can be
    tried, so here everything is taken for a call.
    """
    monkeypatch.setattr(headers, "_refusal", lambda *_: 0)
    raised = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    listener = Listener(serve, LIMITS)
    address = await listener.listen("127.0.0.1:0")
    try:
        code, said = await tried(address.rpartition(":")[2])
    finally:
        await listener.drain(0)
    assert code == 0, said
    assert raised == []
    assert " 0 skipped, 0 failed" in said


async def tried(port: str) -> tuple[int | None, str]:
    """Run all suites; return how it ended, and what it says of what failed."""
    program = find("h2spec")
    assert program is not None
    trial = await asyncio.create_subprocess_exec(
        program, "-S", "-h", "127.0.0.1", "-p", port, "-o", PATIENCE_S, *SUITES, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await trial.communicate()
    text = said.decode()
    return trial.returncode, text[max(0, text.find("Failures:")) :]
