"""Frames that cost this end more than they bring."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mesh.http2 import frames, vigil
from tests.mesh.echo import running, until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import frame, message

if TYPE_CHECKING:
    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer

TOO_MANY = vigil.MAX_CHATTER + 1
CHATTER = {
    "PING": frame(frames.PING, 0, 0, bytes(8)),
    "SETTINGS": frame(frames.SETTINGS, 0, 0, b"\0\4\0\0\0\1"),
    "PRIORITY": frame(frames.PRIORITY, 0, 3, bytes(5)),
    "unknown": frame(0xEE, 0, 0),
    "empty DATA": frame(frames.DATA, 0, 1),
    "empty DATA with padding": frame(frames.DATA, frames.PADDED, 1, b"\x03\0\0\0"),
}


@pytest.mark.parametrize("one", CHATTER.values(), ids=CHATTER)
async def test_a_flood_is_cut_off(echo: Running, peer: Peer, one: bytes) -> None:
    """ENHANCE_YOUR_CALM ends the connection and what it had begun; others are served."""
    peer.open(1, "Chat")
    peer.write(one * 2 * TOO_MANY)
    assert await peer.goaway() == frames.ENHANCE_YOUR_CALM
    await until(lambda: echo.servicer.inside == 0)
    assert await echo.call("Say") == "hello"


async def test_who_pings_for_each_message_it_is_sent_stays(peer: Peer) -> None:
    """So clients measure the line: three hundred messages and as many pings are no flood."""
    peer.open(1, "Chat")
    for _ in range(3 * TOO_MANY):
        peer.say(frames.DATA, 0, 1, message())
        await peer.until(frames.DATA, 1)
        peer.say(frames.PING, 0, 0, b"measure!")
        await peer.until(frames.PING, flags=frames.ACK)
    await peer.serves(3)


async def test_who_pings_now_and_then_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that keeps an idle stream alive may do so for ever: what counts is how often, not how many."""
    monkeypatch.setattr(vigil, "CALM_S", 0.05)
    async with running() as echo, raw.greeted(echo.address) as peer:
        await peer.serves(1)
        for _ in range(2 * TOO_MANY):
            peer.say(frames.PING, 0, 0, b"be there")
            await peer.until(frames.PING, flags=frames.ACK)
            await asyncio.sleep(0.01)  # five in the time that is counted
        await peer.serves(3)


async def test_heads_with_a_priority_are_no_chatter(echo: Running, peer: Peer) -> None:
    """Older clients give each call a weight: as many calls at once as may be are not cut off for it."""
    flags = frames.END_HEADERS | frames.PRIORITIZED
    for stream_id in range(1, 201, 2):
        peer.say(frames.HEADERS, flags, stream_id, b"\0\0\0\0\x0f" + raw.block(raw.fields("Chat")))
    peer.say(frames.PRIORITY, 0, 1, bytes(5))
    await peer.echoed()
    await until(lambda: echo.servicer.inside == 100)


async def test_rapid_resets_are_cut_off(echo: Running, peer: Peer) -> None:
    """Opening and resetting is cheaper than serving: nobody may do it all the time."""
    reset = (frames.CANCEL).to_bytes(4, "big")
    for number in range(vigil.MAX_RESETS + 1):
        peer.open(2 * number + 1, "Chat")
        peer.say(frames.RST_STREAM, 0, 2 * number + 1, reset)
    assert await peer.goaway() == frames.ENHANCE_YOUR_CALM
    await until(lambda: echo.servicer.inside == 0)
    assert await echo.call("Say") == "hello"


async def test_resets_that_a_client_makes_the_server_do_are_cut_off(echo: Running, peer: Peer) -> None:
    """A fault in a stream that was opened for it costs as much as a reset, and counts as one."""
    for number in range(vigil.MAX_RESETS + 1):
        peer.open(2 * number + 1, "Chat")
        peer.widen(2 * number + 1, 0)
    assert await peer.goaway() == frames.ENHANCE_YOUR_CALM
    await until(lambda: echo.servicer.inside == 0)


async def test_handlers_that_still_end_count(echo: Running, peer: Peer) -> None:
    """At most as many handlers as streams were promised run, however fast streams are opened and reset."""
    reset = (frames.CANCEL).to_bytes(4, "big")
    said = b""
    for stream_id in range(1, 401, 2):
        head = frame(frames.HEADERS, frames.END_HEADERS, stream_id, raw.block(raw.fields("Chat")))
        said += head + frame(frames.RST_STREAM, 0, stream_id, reset)
    peer.write(said)
    await peer.echoed()
    refused = [one for one in peer.heard if one.kind == frames.RST_STREAM and one.number == frames.REFUSED_STREAM]
    assert 0 < len(refused) <= 100
    await until(lambda: echo.servicer.inside == 0)
    await peer.serves(401)
