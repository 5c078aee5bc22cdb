"""Refresh tokens, through the service's own face."""

import asyncio
from pathlib import Path

import pytest

from mesh.errors import Code
from parley.user.v1.user_service_pb2 import (
    GetUserRequest,
)
from svc_user.domain.reasons import Reason
from tests.svc_user.devices import refresh
from tests.svc_user.world import World, bearer, refused, running, until


async def test_a_refresh_gives_new_tokens_and_more_time(world: World) -> None:
    """The new pair works, and the session ends 30 days after the last refresh."""
    ada = await world.person("ada")
    world.clock.advance(14 * 86_400)
    tokens = await refresh(world, ada.opened.tokens.refresh_token, ada.opened.device_id)
    assert tokens.refresh_expires_at_ms == world.clock.now_ms() + 30 * 86_400_000
    await world.users.GetUser(GetUserRequest(), metadata=bearer(tokens.access_token))
    world.clock.advance(30 * 86_400)
    error = await refused(refresh(world, tokens.refresh_token, ada.opened.device_id))
    assert error.reason == Reason.REFRESH_TOKEN_INVALID


async def test_a_lost_refresh_can_be_asked_for_again(world: World) -> None:
    """Within 30 seconds the spent token gives the same successor, also when both calls came at once."""
    ada = await world.person("ada")
    token, device_id = ada.opened.tokens.refresh_token, ada.opened.device_id
    pairs = await asyncio.gather(*(refresh(world, token, device_id) for _ in range(2)))
    world.clock.advance(29)
    pairs.append(await refresh(world, token, device_id))
    assert len({pair.refresh_token for pair in pairs}) == 1
    assert len({pair.refresh_expires_at_ms for pair in pairs}) == 1
    await refresh(world, pairs[0].refresh_token, device_id)


@pytest.mark.parametrize("steps,seconds", [(1, 31), (2, 0), (5, 0)])
async def test_a_replayed_refresh_token_ends_the_session(world: World, steps: int, seconds: int) -> None:
    """A token spent long ago, or before the last one, is a thief's or its owner's: the session is over for both."""
    ada = await world.person("ada")
    first, device_id = ada.opened.tokens.refresh_token, ada.opened.device_id
    tokens = ada.opened.tokens
    for _ in range(steps):
        tokens = await refresh(world, tokens.refresh_token, device_id)
    world.clock.advance(seconds)
    error = await refused(refresh(world, first, device_id))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.REFRESH_TOKEN_REPLAYED)
    assert (await refused(refresh(world, tokens.refresh_token, device_id))).reason == Reason.SESSION_REVOKED
    await until(lambda: ("REVOKED", ada.opened.session.session_id) in world.log.session_notices(ada.id))


async def test_a_spent_token_from_another_device_is_a_replay(world: World) -> None:
    """The 30 seconds are for the device that lost the answer, not for who stole its token."""
    ada = await world.person("ada")
    bob = await world.person("bob")
    await refresh(world, ada.opened.tokens.refresh_token, ada.opened.device_id)
    error = await refused(refresh(world, ada.opened.tokens.refresh_token, bob.opened.device_id))
    assert error.reason == Reason.REFRESH_TOKEN_REPLAYED


async def test_tokens_that_are_not_this_devices_refresh_token_are_refused(world: World) -> None:
    """Forged, altered, foreign and access tokens are invalid, and end nothing."""
    ada, bob = await world.people("ada", "bob")
    token, device_id = ada.opened.tokens.refresh_token, ada.opened.device_id
    altered = token[:-1] + ("0" if token[-1] != "0" else "1")
    forged = ada.opened.session.session_id + "0" * 64
    for bad in (altered, forged, "x", "é" * 80, "s" + "0" * 79, ada.opened.tokens.access_token[:256]):
        assert (await refused(refresh(world, bad, device_id))).reason == Reason.REFRESH_TOKEN_INVALID
    assert (await refused(refresh(world, token, bob.opened.device_id))).reason == Reason.REFRESH_TOKEN_INVALID
    await refresh(world, token, device_id)


async def test_a_refresh_token_is_no_access_token(world: World) -> None:
    """It proves nothing in the metadata of a call."""
    ada = await world.person("ada")
    call = world.users.GetUser(GetUserRequest(), metadata=bearer(ada.opened.tokens.refresh_token))
    assert (await refused(call)).reason == "TOKEN_INVALID"


async def test_the_key_outlives_the_process(tmp_path: Path) -> None:
    """After a restart tokens are still good, and spent ones are still known as spent."""
    async with running(tmp_path) as world:
        ada = await world.person("ada")
        token, device_id = ada.opened.tokens.refresh_token, ada.opened.device_id
        successor = (await refresh(world, token, device_id)).refresh_token
    async with running(tmp_path) as world:
        assert (await refresh(world, token, device_id)).refresh_token == successor
        await refresh(world, successor, device_id)
