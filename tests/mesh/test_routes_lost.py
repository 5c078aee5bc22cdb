"""What a cache that is away, or that forgot, costs devices, and how it heals."""

import asyncio

import pytest

from mesh.errors import MeshError
from mesh.renewal import TURNS
from tests.mesh import gateways
from tests.mesh.gateways import OURS, THEIRS, World

world = gateways.world


async def test_all_that_a_flush_lost_comes_back(world: World) -> None:
    """Also for a user with devices on two nodes: the first renewal brings the key back, and not the other's field."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    one, _ = await ours.attach("u1", "d1")
    two, _ = await theirs.attach("u1", "d2")
    await ours.care("t")
    await theirs.care("t")
    world.cache.flush()
    await world.renew(ours, theirs)
    assert await ours.lookup(["u1"]) == {"u1": (one, two)}
    assert await ours.caring(["t"]) == {"t": (OURS, THEIRS)}


async def test_a_cache_that_went_back_to_an_older_state_is_filled_again(world: World) -> None:
    """A cache that restarts from a file, or fails over, does not know the latest devices: they are back in one turn."""
    ours = world.gateway(OURS)
    await ours.attach("u1", "d1")
    await world.renew(ours, times=2)
    restore = world.cache.saved()
    await world.renew(ours)
    latest, _ = await ours.attach("u2", "d2")
    restore()
    assert await ours.lookup(["u2"]) == {}
    await world.renew(ours)
    assert await ours.lookup(["u2"]) == {"u2": (latest,)}


async def test_a_turn_that_failed_is_made_up_for(world: World) -> None:
    """What could not be renewed while the cache was away is renewed in the first turn after it, and a share as ever in
    the next.
    """
    ours = world.gateway(OURS)
    for number in range(50):
        await ours.attach(f"u{number}", "d1")
    await world.renew(ours)
    world.cache.away = True
    with pytest.raises(MeshError):
        await ours.renew()
    world.cache.away = False
    world.cache.touched.clear()
    await world.renew(ours)
    assert len(world.cache.touched) == 50
    world.cache.touched.clear()
    await world.renew(ours)
    assert len(world.cache.touched) < 50


async def test_a_device_attaches_while_the_cache_is_away(world: World) -> None:
    """It is let in, and found once the cache is back, whether or not the user's key is there already."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    other, _ = await theirs.attach("u1", "d2")
    world.cache.away = True
    route, older = await ours.attach("u1", "d1")
    assert older is None
    with pytest.raises(MeshError):
        await ours.lookup(["u1"])
    world.cache.away = False
    await world.renew(ours, theirs)
    assert await ours.lookup(["u1"]) == {"u1": (other, route)}


async def test_who_could_not_be_found_is_told(world: World) -> None:
    """Nothing was delivered to a device whose route was not there; one whose route was there has missed nothing."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    world.cache.away = True
    await ours.attach("u1", "d1")
    world.cache.away = False
    await theirs.attach("u2", "d2")
    await ours.attach("u3", "d3")
    await world.renew(ours, theirs, times=2)
    assert world.missed == ["u1"]


async def test_a_route_that_could_not_be_written_waits_for_no_turn(world: World) -> None:
    """A device that came while the cache was away is found a second after it is back."""
    ours = world.gateway(OURS)
    running = asyncio.create_task(ours.run())
    await asyncio.sleep(0.001)
    world.cache.away = True
    route, _ = await ours.attach("u1", "d1")
    for step in range(6):
        world.cache.away = step < 3
        await asyncio.sleep(0.001)
        world.clock.advance(1.0)
        await asyncio.sleep(0.001)
    assert await ours.lookup(["u1"]) == {"u1": (route,)}
    running.cancel()


async def test_a_device_that_moved_while_the_cache_was_away_is_where_it_went(world: World) -> None:
    """The newer stream wins at the renewal, whichever node renews first, and the older one is closed."""
    for first in (0, 1):
        gateways = [world.gateway(OURS), world.gateway(THEIRS)]
        world.replaced.clear()
        old, _ = await gateways[0].attach("u1", "d1")
        world.clock.advance(1)
        world.cache.away = True
        new, _ = await gateways[1].attach("u1", "d1")
        world.cache.away = False
        await world.renew(gateways[first], gateways[1 - first])
        await world.renew(*gateways, times=TURNS)
        assert await gateways[0].lookup(["u1"]) == {"u1": (new,)}
        assert world.replaced == [("u1", old)]
        await gateways[1].detach("u1", "d1", new.epoch)


async def test_a_device_that_left_while_the_cache_was_away_is_forgotten(world: World) -> None:
    """Its route goes at the next renewal, although another device of the user keeps the key alive, and it is told whose
    route that was; of one that could be removed at once nothing is told.
    """
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    gone, _ = await ours.attach("u1", "d1")
    stays, _ = await theirs.attach("u1", "d2")
    at_once, _ = await ours.attach("u2", "d1")
    await ours.detach("u2", "d1", at_once.epoch)
    world.cache.away = True
    await ours.detach("u1", "d1", gone.epoch)
    await ours.drop("t")
    world.cache.away = False
    assert world.removed == []
    await world.renew(ours, theirs)
    assert await ours.lookup(["u1"]) == {"u1": (stays,)}
    assert world.removed == ["u1"]


async def test_interest_is_told_later_when_the_cache_is_away(world: World) -> None:
    """Neither caring nor dropping fails; the next renewal says both."""
    ours = world.gateway(OURS)
    await ours.care("dropped")
    world.cache.away = True
    await ours.care("t")
    await ours.drop("dropped")
    world.cache.away = False
    await world.renew(ours)
    assert await ours.caring(["t", "dropped"]) == {"t": (OURS,)}


async def test_two_streams_taken_at_once_without_the_cache_do_not_fight(world: World) -> None:
    """With equal epochs one node has the device after the next renewals, and it stays so."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    world.cache.away = True
    await asyncio.gather(ours.attach("u1", "d1"), theirs.attach("u1", "d1"))
    world.cache.away = False
    await world.renew(ours, theirs, times=TURNS)
    settled = await ours.lookup(["u1"])
    await world.renew(ours, theirs, times=TURNS)
    assert await ours.lookup(["u1"]) == settled
    assert len(world.replaced) == 1
