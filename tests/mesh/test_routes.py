import asyncio
import json
from dataclasses import dataclass, field

import pytest

from mesh import route, routes
from mesh.clock import FakeClock
from mesh.errors import MeshError
from mesh.renewal import LEASE_S, RENEW_S, TURNS
from mesh.route import NodeKey, Route
from mesh.routes import Routes
from tests.mesh.cache import Cache

OURS, THEIRS = ("gateway-1", "b1"), ("gateway-2", "b2")


@dataclass
class World:
    """Two gateways over one cache."""

    clock: FakeClock
    cache: Cache
    live: set[NodeKey] = field(default_factory=lambda: {OURS, THEIRS})
    replaced: list[tuple[str, Route]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def gateway(self, node: NodeKey) -> Routes:
        """A node that holds routes."""
        return Routes(
            self.cache,
            self.clock,
            *node,
            live=lambda: self.live,
            on_replaced=lambda *lost: self.replaced.append(lost),
            on_missed=self.missed.append,
        )

    async def renew(self, *gateways: Routes, times: int = 1) -> None:
        """Let time pass as `run` does, with a renewal after each step."""
        for _ in range(times):
            self.clock.advance(RENEW_S)
            for gateway in gateways:
                await gateway.renew()


@pytest.fixture
def world() -> World:
    clock = FakeClock()
    return World(clock, Cache(clock))


async def test_devices_are_found_where_they_attached(world: World) -> None:
    """One read answers for many users, and those without a device are left out."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    one, _ = await ours.attach("u1", "d1")
    two, _ = await theirs.attach("u1", "d2")
    world.cache.reads = 0
    assert await ours.lookup(["u1", "u2"]) == {"u1": (one, two)}
    assert world.cache.reads == 1


async def test_a_newer_stream_replaces_an_older_one(world: World) -> None:
    """The device is where it came last; that node is told from where it came, and the old one cannot undo it."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    old, _ = await ours.attach("u1", "d1")
    new, replaced = await theirs.attach("u1", "d1")
    assert (replaced, new.epoch > old.epoch) == (old, True)
    await ours.detach("u1", "d1", old.epoch)
    assert await ours.lookup(["u1"]) == {"u1": (new,)}


async def test_epochs_rise_when_the_clock_goes_back(world: World) -> None:
    """The order of two streams does not depend on whose clock is right."""
    ours = world.gateway(OURS)
    first, _ = await ours.attach("u1", "d1")
    world.clock._now_ms -= 3_600_000
    second, _ = await ours.attach("u1", "d1")
    assert second.epoch == first.epoch + 1


async def test_of_many_streams_at_once_one_has_the_device(world: World) -> None:
    """They all get different epochs, and the route is that of the largest."""
    gateways = [world.gateway(OURS), world.gateway(THEIRS)]
    attached = await asyncio.gather(*(gateways[number % 2].attach("u1", "d1") for number in range(6)))
    routes = [route for route, _ in attached]
    assert len({route.epoch for route in routes}) == 6
    assert await gateways[0].lookup(["u1"]) == {"u1": (max(routes, key=lambda route: route.epoch),)}


async def test_routes_live_as_long_as_they_are_renewed(world: World) -> None:
    """The routes of a node that died end with its lease, those of others stay."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    kept, _ = await ours.attach("u1", "d1")
    await theirs.attach("u2", "d2")
    await world.renew(ours, times=int(LEASE_S / RENEW_S) + 1)
    assert await ours.lookup(["u1", "u2"]) == {"u1": (kept,)}


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
    """What could not be renewed while the cache was away is renewed in the first turn after it."""
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
        await world.renew(*gateways)
        assert await gateways[0].lookup(["u1"]) == {"u1": (new,)}
        assert world.replaced == [("u1", old)]
        await gateways[1].detach("u1", "d1", new.epoch)


async def test_a_node_that_was_frozen_learns_that_its_device_moved(world: World) -> None:
    """Its first renewal does not take the device back but closes the stream."""
    frozen, theirs = world.gateway(OURS), world.gateway(THEIRS)
    old, _ = await frozen.attach("u1", "d1")
    new, _ = await theirs.attach("u1", "d1")
    await world.renew(theirs, times=4)
    await world.renew(frozen, theirs)
    assert world.replaced == [("u1", old)]
    assert await theirs.lookup(["u1"]) == {"u1": (new,)}


async def test_a_device_that_left_while_the_cache_was_away_is_forgotten(world: World) -> None:
    """Its route goes at the next renewal, although another device of the user keeps the key alive."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    gone, _ = await ours.attach("u1", "d1")
    stays, _ = await theirs.attach("u1", "d2")
    world.cache.away = True
    await ours.detach("u1", "d1", gone.epoch)
    await ours.drop("t")
    world.cache.away = False
    await world.renew(ours, theirs)
    assert await ours.lookup(["u1"]) == {"u1": (stays,)}


async def test_a_device_that_leaves_during_a_renewal_leaves_no_route_behind(world: World) -> None:
    """A route that is being written down again is taken back when its device has gone meanwhile."""
    ours = world.gateway(OURS)
    route, _ = await ours.attach("u1", "d1")
    world.cache.flush()
    renewal = asyncio.create_task(ours.renew())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await ours.detach("u1", "d1", route.epoch)
    await renewal
    await ours.renew()
    assert await ours.lookup(["u1"]) == {}


async def test_a_cancelled_attach_leaves_no_route_behind(world: World) -> None:
    """A device that hung up while its route was being taken is nowhere."""
    ours = world.gateway(OURS)
    attach = asyncio.create_task(ours.attach("u1", "d1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    attach.cancel()
    await asyncio.gather(attach, return_exceptions=True)
    await world.renew(ours)
    assert await ours.lookup(["u1"]) == {}


async def test_nodes_that_are_not_alive_are_left_out(world: World) -> None:
    """What a dead node left behind until its lease ends is not delivered to; when nobody is known, nobody is dead."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    route, _ = await ours.attach("u1", "d1")
    await theirs.attach("u1", "d2")
    await theirs.attach("u2", "d3")
    await theirs.care("t")
    world.live.remove(THEIRS)
    assert await ours.lookup(["u1", "u2"]) == {"u1": (route,)}
    assert await ours.caring(["t"]) == {}
    world.live.clear()
    assert len((await ours.lookup(["u1"]))["u1"]) == 2


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


async def test_interest_comes_and_goes(world: World) -> None:
    """The nodes that care about a topic are found in one read; care ends with the lease of a node that died."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    await ours.care("t")
    await theirs.care("t")
    assert await ours.caring(["t", "other"]) == {"t": (OURS, THEIRS)}
    await ours.drop("t")
    assert await ours.caring(["t"]) == {"t": (THEIRS,)}
    world.clock.advance(LEASE_S + 1)
    assert await ours.caring(["t"]) == {}


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


async def test_bytes_that_are_no_route_are_passed_over(world: World) -> None:
    """One field written by something else does not hide the devices of a user."""
    ours = world.gateway(OURS)
    route, _ = await ours.attach("u1", "d1")
    for value in (b"", b"{}", b"[1,2]", b"\xff", b'["d","n","b","soon"]', b'"abcd"', b"17"):
        await world.cache.put("route/u1", "dx", value, LEASE_S)
        assert await ours.lookup(["u1"]) == {"u1": (route,)}
        await world.renew(ours)


async def test_two_streams_taken_at_once_without_the_cache_do_not_fight(world: World) -> None:
    """With equal epochs one node has the device after the next renewals, and it stays so."""
    ours, theirs = world.gateway(OURS), world.gateway(THEIRS)
    world.cache.away = True
    await asyncio.gather(ours.attach("u1", "d1"), theirs.attach("u1", "d1"))
    world.cache.away = False
    await world.renew(ours, theirs)
    settled = await ours.lookup(["u1"])
    await world.renew(ours, theirs, times=3)
    assert await ours.lookup(["u1"]) == settled
    assert len(world.replaced) == 1


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
