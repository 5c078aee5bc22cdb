"""Sessions: seen, ended and replaced."""

import asyncio

import grpc
import pytest

from parley.gateway.v1 import frame_pb2
from parley.user.v1 import session_pb2, user_service_pb2
from parley.user.v1.user_service_pb2_grpc import UserServiceStub
from parley_sdk import ParleyError, Replaced, SignedOut
from parley_sdk.infrastructure.status import decode
from tests.journeys.mesh import Mesh
from tests.journeys.people import People
from tests.journeys.raw import Login, RawDevice, log_in_again, open_channel

SOON = 30.0
"""Seconds, long before a token ends by itself. Five are promised; how many of them a busy machine needs is its own."""


async def me(address: str, login: Login) -> str:
    """Call something as this session; return the code and details of what came of it."""
    async with open_channel(address) as channel:
        try:
            await UserServiceStub(channel).GetUser(user_service_pb2.GetUserRequest(), metadata=login.metadata)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"


async def refused_soon(address: str, login: Login) -> None:
    """Call until it is refused."""
    async with asyncio.timeout(SOON):
        while (code := await me(address, login)) == "OK":  # noqa: ASYNC110  no event tells of it
            await asyncio.sleep(0.1)
    assert code == "UNAUTHENTICATED"


async def test_a_revoked_session_ends_at_once(people: People) -> None:
    """A revoked session's stream ends with SESSION_REVOKED and its calls are refused."""
    ann = await people.user("ann")
    tablet = await people.another(ann)
    login = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, login) as raw:
        sessions = {session.session_id: session for session in await ann.client.users.sessions()}
        assert set(sessions) == {ann.client.session_id, tablet.client.session_id, login.session_id}
        assert [one for one, session in sessions.items() if session.current] == [ann.client.session_id]
        await ann.client.users.revoke_session(login.session_id)
        await ann.client.users.revoke_session(tablet.client.session_id)
        code, details = await raw.ended(SOON)
        assert (code, raw.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SESSION_REVOKED"), details
        await tablet.until(lambda: tablet.of(SignedOut), "the end of its session", SOON)
    await refused_soon(people.address, login)
    with pytest.raises(ParleyError):
        await tablet.client.users.get()
    assert [one.session_id for one in await ann.client.users.sessions()] == [ann.client.session_id]
    chat = ann.chat_with(ann)
    await ann.say(chat, "still here")


async def revoke_and_crash(people: People, mesh: Mesh) -> Login:
    """Return a session that was revoked before the mesh was killed and started again."""
    ann = await people.user("ann")
    login = await log_in_again(people.address, ann.username)
    await ann.client.users.revoke_session(login.session_id)
    await refused_soon(people.address, login)
    await asyncio.to_thread(mesh.kill)
    await asyncio.to_thread(mesh.start)
    return login


async def test_a_revoked_session_gets_no_stream_after_a_crash(own_people: People, own_mesh: Mesh) -> None:
    """A restart of the mesh does not give a revoked session its stream back."""
    login = await revoke_and_crash(own_people, own_mesh)
    async with RawDevice.open(own_people.address, login, reads=False) as raw:
        raw.begin_to_read()
        code, _ = await raw.ended()
        assert (code, raw.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SESSION_REVOKED")


async def test_a_revoked_session_gets_no_answers_after_a_crash(own_people: People, own_mesh: Mesh) -> None:
    """A restart of the mesh does not let a revoked session call again."""
    login = await revoke_and_crash(own_people, own_mesh)
    assert await me(own_people.address, login) == "UNAUTHENTICATED"


async def test_a_newer_stream_of_a_device_replaces_the_older(people: People) -> None:
    """Of two streams of one device the newer stays, the older is told REPLACED and does not fight back."""
    ann, bob = await people.users("ann", "bob")
    login = Login(ann.user_id, ann.id, ann.client.session_id, ann.access_token, "")
    async with RawDevice.open(people.address, login) as newer:
        await ann.until(lambda: ann.of(Replaced), "that it was replaced")
        chat = ann.chat_with(bob)
        await bob.say(chat, "which of you?")
        await newer.until(lambda: [entry for entry in newer.entries if entry.conversation_id == chat])
        assert not ann.shown[chat]
        await ann.client.connect()
        code, _ = await newer.ended()
        assert (code, newer.reason) == (grpc.StatusCode.ABORTED, "STREAM_REPLACED")
        assert newer.frame.replaced.epoch > newer.frame.welcome.epoch
    await ann.until_text(chat, "which of you?")


async def test_a_second_log_in_of_a_device_takes_the_place_of_the_first(people: People) -> None:
    """A device that logs in anew has one session and one stream: those of before end."""
    ann = await people.user("ann")
    first = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, first) as older:
        second = await log_in_again(people.address, ann.username, first.device_id)
        assert second.device_id == first.device_id
        async with RawDevice.open(people.address, second) as newer:
            await older.ended()
            assert older.reason in {"STREAM_REPLACED", "SESSION_REVOKED"}
            assert newer.frame.welcome.device_id == first.device_id
            sessions = {session.session_id for session in await ann.client.users.sessions()}
            assert sessions == {ann.client.session_id, second.session_id}


async def refresh(address: str, refresh_token: str, device_id: str) -> session_pb2.Tokens:
    """Trade a refresh token."""
    async with open_channel(address) as channel:
        request = user_service_pb2.RefreshRequest(refresh_token=refresh_token, device_id=device_id)
        return (await UserServiceStub(channel).Refresh(request)).tokens


async def test_a_long_stream_goes_on_with_a_fresh_token(people: People) -> None:
    """A fresh token is taken by the open stream; a refresh token from long ago ends the session and its stream."""
    ann = await people.user("ann")
    login = await log_in_again(people.address, ann.username)
    async with RawDevice.open(people.address, login) as raw:
        fresh = await refresh(people.address, login.refresh_token, login.device_id)
        assert fresh.access_expires_at_ms >= raw.frame.welcome.token_expires_at_ms
        await raw.write(frame_pb2.ClientFrame(access_token=fresh.access_token))
        await raw.write(frame_pb2.ClientFrame(heartbeat=frame_pb2.Heartbeat()))
        await raw.until(lambda: raw.frame.HasField("heartbeat"))
        await refresh(people.address, fresh.refresh_token, login.device_id)
        # Spent two turns ago: it is in other hands.
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await refresh(people.address, login.refresh_token, login.device_id)
        assert decode(refused.value).reason == "REFRESH_TOKEN_REPLAYED"
        await raw.ended(SOON)
        assert raw.reason == "SESSION_REVOKED"
