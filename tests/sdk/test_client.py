"""The client over real gRPC, against a small server that does what the contract says."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from parley.message.v1 import entry_pb2
from parley_sdk import (
    Client,
    Code,
    Connected,
    Disconnected,
    EntryReceived,
    Event,
    ParleyError,
    Replaced,
    SignedOut,
    Synced,
    direct_id,
)
from tests.sdk.model import text
from tests.sdk.server import Server, serving

ANN, BOB = "u000000000000001", "u000000000000002"
CHAT = direct_id(BOB, ANN)


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    async with serving(server) as port:
        for name in ("ann", "bob"):
            server.users[name] = f"u{len(server.users) + 1:015}"
        yield f"127.0.0.1:{port}"


async def _until(client: Client, kind: type[Event], count: int = 1) -> list[Event]:
    """Read events until so many of a kind came."""
    seen: list[Event] = []
    async with asyncio.timeout(30):
        async for event in client.events():
            seen.append(event)
            if sum(isinstance(known, kind) for known in seen) == count:
                return seen
    raise AssertionError("the client was closed")


def _seqs(events: list[Event]) -> list[int]:
    return [event.seq for event in events if isinstance(event, EntryReceived)]


def _written_by_bob(server: Server, words: str) -> None:
    server.append(entry_pb2.Entry(conversation_id=CHAT, sender_id=BOB, content=text(words)))


async def test_two_users(address: str) -> None:
    """What one writes the other receives, and the writer has it too, each once."""
    async with Client(address) as ann, Client(address) as bob:
        await ann.log_in("ann", "password")
        await bob.log_in("bob", "password")
        await bob.wait_online()
        sent = await ann.send_text(direct_id(ann.user_id, bob.user_id), "hello")
        assert (sent.seq, sent.duplicate) == (1, False)
        for client in (ann, bob):
            (event,) = [event for event in await _until(client, EntryReceived) if isinstance(event, EntryReceived)]
            assert (event.text, event.seq, event.own) == ("hello", 1, client is ann)


async def test_refusals(address: str) -> None:
    """Refusals have code and reason, and nothing works before log-in."""
    async with Client(address) as client:
        with pytest.raises(ParleyError) as taken:
            await client.register("ann", "password")
        assert (taken.value.code, taken.value.reason) == (Code.ALREADY_EXISTS, "USERNAME_TAKEN")
        with pytest.raises(ParleyError, match="BAD_CREDENTIALS"):
            await client.log_in("nobody", "password")
        with pytest.raises(ParleyError, match="TOKEN_MISSING"):
            await client.send_text(CHAT, "hello")
        with pytest.raises(ParleyError, match="TOKEN_MISSING"):
            await client.users.get()


async def test_sends_of_one_turn_travel_together(address: str, server: Server) -> None:
    """Sends that are made without waiting in between go in one frame, in order."""
    async with Client(address) as ann:
        await ann.log_in("ann", "password")
        await ann.wait_online()
        answers = [ann.send(CHAT, f"number {number}") for number in range(40)]
        assert [(await answer).seq for answer in answers] == list(range(1, 41))
        (frame,) = [frame for frame in server.streams[0].heard if frame.sends]
        assert len(frame.sends) == 40


async def test_missed_entries_are_pulled(address: str, server: Server, tmp_path: Path) -> None:
    """A device that was away gets what it missed, in order, page by page, and then what comes live."""
    async with Client(address, state=tmp_path / "ann.db") as ann:
        await ann.log_in("ann", "password")
        await _until(ann, Synced)
        await ann.disconnect()
        for number in range(7):
            _written_by_bob(server, f"missed {number}")
        await ann.connect()
        events = await _until(ann, Synced)
        assert _seqs(events) == [1, 2, 3, 4, 5, 6, 7]
        _written_by_bob(server, "live")
        assert _seqs(await _until(ann, EntryReceived)) == [8]


async def test_restart(address: str, server: Server, tmp_path: Path) -> None:
    """After a restart the session, the positions and the outbox are as they were left."""
    state = tmp_path / "home" / "ann.db"
    async with Client(address, state=state) as ann:
        await ann.log_in("ann", "password")
        await _until(ann, Synced)
        _written_by_bob(server, "one")
        _written_by_bob(server, "two")
        await _until(ann, EntryReceived, 1)
        await ann.disconnect()
        waiting = [ann.send(CHAT, f"later {number}") for number in range(3)]
    with pytest.raises(ParleyError, match="CLIENT_CLOSED"):
        await waiting[0]
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    async with Client(address, state=state) as ann:
        assert await ann.resume()
        events = await _until(ann, EntryReceived, 4)
        assert _seqs(events) == [2, 3, 4, 5]
        texts = [event.text for event in events if isinstance(event, EntryReceived)]
        assert texts == ["two", "later 0", "later 1", "later 2"]


async def _fail_on_the_second(client: Client) -> None:
    async with client as ann:
        await ann.log_in("ann", "password")
        await _until(ann, EntryReceived, 2)
        raise ZeroDivisionError


async def test_a_crash_while_an_entry_is_dealt_with(address: str, server: Server, tmp_path: Path) -> None:
    """An entry that the app failed on comes again after the restart, those before it do not."""
    _written_by_bob(server, "one")
    _written_by_bob(server, "two")
    with pytest.raises(ZeroDivisionError):
        await _fail_on_the_second(Client(address, state=tmp_path / "ann.db"))
    async with Client(address, state=tmp_path / "ann.db") as ann:
        await ann.resume()
        assert _seqs(await _until(ann, EntryReceived)) == [2]


async def test_lost_answer(address: str, server: Server) -> None:
    """A send whose answer was lost with the stream goes again on the next one and is written once."""
    server.answers_lost = 1
    async with Client(address) as ann:
        await ann.log_in("ann", "password")
        await ann.wait_online()
        answer = ann.send(CHAT, "once")
        await server.written.wait()
        server.streams[0].end((Code.UNAVAILABLE, "DRAINING"))
        sent = await answer
        assert (sent.seq, sent.duplicate, len(server.logs[CHAT])) == (1, True, 1)
        assert _seqs(await _until(ann, EntryReceived)) == [1]


async def test_server_restart(server: Server) -> None:
    """When the server goes away and comes back, the client is back by itself and what was sent meanwhile goes out."""
    server.users["ann"] = ANN
    async with Client("127.0.0.1:1") as ann:
        async with serving(server) as port:
            ann._address = f"127.0.0.1:{port}"
            await ann.log_in("ann", "password")
            await _until(ann, Synced)
        answer = ann.send(CHAT, "while it was away")
        await _until(ann, Disconnected)
        async with serving(server, port):
            assert (await asyncio.wait_for(answer, 30)).seq == 1
            await _until(ann, Connected)
            await ann.disconnect()


async def test_expired_token(address: str, server: Server) -> None:
    """A token that has ended is renewed for the call and for the stream, and nobody notices."""
    async with Client(address) as ann:
        await ann.log_in("ann", "password")
        await ann.wait_online()
        server.tokens.clear()
        assert (await ann.users.get()).user_id == ANN
        server.tokens.clear()
        server.streams[0].end((Code.UNAUTHENTICATED, "TOKEN_EXPIRED"))
        await _until(ann, Connected, 2)


async def test_session_is_over(address: str, server: Server, tmp_path: Path) -> None:
    """When the session was ended elsewhere, the app is told, and sends that wait do not wait for ever."""
    async with Client(address, state=tmp_path / "ann.db") as ann:
        await ann.log_in("ann", "password")
        await ann.wait_online()
        tokens = server.tokens_for(ANN, ann.device_id)
        tokens.refresh_token = "revoked"
        ann._opened().take(tokens)
        server.tokens.clear()
        server.answers_lost = 1
        answer = ann.send(CHAT, "hello")
        server.streams[0].end((Code.UNAUTHENTICATED, "SESSION_REVOKED"))
        await _until(ann, SignedOut)
        with pytest.raises(ParleyError, match="OFFLINE"):
            await answer


async def test_replaced(address: str, server: Server) -> None:
    """When another stream of the device takes over, the client stays away until the app wants it back."""
    async with Client(address) as ann:
        await ann.log_in("ann", "password")
        await ann.wait_online()
        server.streams[0].end((Code.ABORTED, "STREAM_REPLACED"))
        await _until(ann, Replaced)
        await server.wait_for_streams(0)
        await ann.connect()
        await _until(ann, Connected)


async def test_no_task_is_left(address: str) -> None:
    """A closed client leaves no task behind, and its events come to an end."""
    before = asyncio.all_tasks()
    async with Client(address) as ann:
        await ann.log_in("ann", "password")
        await ann.wait_online()
    assert [event async for event in ann.events()] == []
    assert {task for task in asyncio.all_tasks() - before if task.get_name().startswith("parley")} == set()


async def test_one_client_for_a_state(address: str, tmp_path: Path) -> None:
    """The same state cannot be used twice at a time."""
    async with Client(address, state=tmp_path / "ann.db"):
        with pytest.raises(ParleyError, match="STATE_IN_USE"):
            async with Client(address, state=tmp_path / "ann.db"):
                pass


async def test_log_out_forgets(address: str, tmp_path: Path) -> None:
    """After log-out nothing of the session is left, but the device is known again at the next log-in."""
    async with Client(address, state=tmp_path / "ann.db") as ann:
        await ann.log_in("ann", "password")
        device_id = ann.device_id
        await ann.log_out()
        assert not await ann.resume()
        await ann.log_in("ann", "password")
        assert ann.device_id == device_id
