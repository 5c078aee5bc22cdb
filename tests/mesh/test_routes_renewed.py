"""Routes live as long as they are renewed, and a renewal costs little and loses nothing."""

import asyncio
import json

import pytest

from mesh import route, routes
from mesh.renewal import LEASE_S, RENEW_S, TURNS
from mesh.route import Route
from tests.mesh import gateways
from tests.mesh.gateways import OURS, THEIRS, World

world = gateways.world


async def test_routes_live_as_long_as_they_are_renewed(world: World) -> None:
    """The routes of a node that died end with its lease, those of others stay."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    kept, _ = await ours.attach("u1", "d1")
    await theirs.attach("u2", "d2")
    await world.renew(ours, times=int(LEASE_S / RENEW_S) + 1)
    assert await ours.lookup(["u1", "u2"]) == {"u1": (kept,)}


async def test_a_turn_renews_a_share(world: World) -> None:
    """Of what a node holds each key is renewed once in all turns together, and no turn renews much more than others."""
    ours = world.gateway(OURS)
    users = [f"u{number}" for number in range(200)]
    for user in users:
        await ours.attach(user, "d1")
    await ours.care("t")
    await world.renew(ours)
    shares: list[list[str]] = []
    for _ in range(TURNS):
        world.cache.touched.clear()
        await world.renew(ours)
        shares.append(list(world.cache.touched))
    renewed = [key for share in shares for key in share]
    assert sorted(renewed) == sorted(["interest/t", *(f"route/{user}" for user in users)])
    assert max(map(len, shares)) < 5 * len(users) / TURNS


@pytest.mark.parametrize("steps", range(10))
async def test_a_device_that_leaves_during_a_renewal_leaves_no_route_behind(world: World, steps: int) -> None:
    """A route that is being written down again is taken back when its device has gone meanwhile, at whatever step."""
    ours = world.gateway(OURS)
    route, _ = await ours.attach("u1", "d1")
    world.cache.flush()
    renewal = asyncio.create_task(ours.renew())
    for _ in range(steps):
        await asyncio.sleep(0)
    await ours.detach("u1", "d1", route.epoch)
    await renewal
    await ours.renew()
    assert await ours.lookup(["u1"]) == {}


async def test_what_a_dead_node_left_in_a_key_that_lives_on_is_removed(world: World) -> None:
    """Others keep the key alive, so no lease ends it; a node that is only missing for a moment loses nothing."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    route, _ = await ours.attach("u1", "d1")
    other, _ = await theirs.attach("u1", "d2")
    await ours.care("t")
    await theirs.care("t")
    world.live.remove(THEIRS)
    await world.renew(ours, times=2)
    world.live.add(THEIRS)
    assert await ours.lookup(["u1"]) == {"u1": (route, other)}
    world.live.remove(THEIRS)
    await world.renew(ours, times=2 * TURNS)
    world.live.clear()
    assert await ours.lookup(["u1"]) == {"u1": (route,)}
    assert await ours.caring(["t"]) == {"t": (OURS,)}


async def test_renewals_go_on_by_themselves(world: World) -> None:
    """`run` renews each ten seconds and survives a cache that is away."""
    ours = world.gateway(OURS)
    route, _ = await ours.attach("u1", "d1")
    running = asyncio.create_task(ours.run())
    for step in range(12):
        world.cache.away = step in (3, 4)
        await asyncio.sleep(0.001)
        world.clock.advance(RENEW_S)
        await asyncio.sleep(0.001)
    assert await ours.lookup(["u1"]) == {"u1": (route,)}
    running.cancel()


async def test_a_renewal_decodes_nothing_that_is_as_it_was_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of idle devices cost a renewal no parsing; what another node has in the same key is still read."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    for user in ("u1", "u2", "u3"):
        await ours.attach(user, "d1")
        await ours.attach(user, "d2")
    await theirs.attach("u3", "d3")
    decoded: list[bytes] = []
    decode = route.decode

    def seen(stored: bytes) -> Route | None:
        decoded.append(stored)
        return decode(stored)

    monkeypatch.setattr(routes, "decode", seen)
    await world.renew(ours)
    assert {json.loads(stored)[0] for stored in decoded} == {"d1", "d2", "d3"}
    await theirs.detach("u3", "d3", (await theirs.lookup(["u3"]))["u3"][-1].epoch)
    decoded.clear()
    await world.renew(ours, times=TURNS)
    assert decoded == []
