import asyncio
from collections.abc import Coroutine

from mesh.renewal import LEASE_S, TURNS
from tests.mesh import gateways
from tests.mesh.gateways import OURS, THEIRS, World

world = gateways.world


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


async def test_an_older_stream_of_the_same_node_ends_alone(world: World) -> None:
    """A device that came back to its node keeps its route when its older stream ends there."""
    ours = world.gateway(OURS)
    old, _ = await ours.attach("u1", "d1")
    new, replaced = await ours.attach("u1", "d1")
    assert replaced == old
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


async def test_a_late_answer_does_not_undo_a_newer_stream(world: World) -> None:
    """The newer of two streams on one node is kept and renewed, also when the older one was let in after it."""
    ours, answer = world.gateway(OURS), asyncio.Event()
    attach = await world.attaching(ours, answer)
    new, _ = await ours.attach("u1", "d1")
    answer.set()
    await attach
    await world.renew(ours, times=TURNS)
    assert world.replaced == []
    await ours.detach("u1", "d1", new.epoch)
    assert await ours.lookup(["u1"]) == {}


async def test_a_node_that_was_frozen_learns_that_its_device_moved(world: World) -> None:
    """Its first renewal does not take any device back but closes all their streams, whoever's turn it is."""
    frozen, theirs = world.gateway(OURS), world.gateway(THEIRS)
    users = [f"u{number}" for number in range(TURNS)]
    old = [(user, (await frozen.attach(user, "d1"))[0]) for user in users]
    await world.renew(frozen, theirs)
    new = {user: ((await theirs.attach(user, "d1"))[0],) for user in users}
    await world.renew(theirs, times=4)
    await world.renew(frozen, theirs)
    assert sorted(world.replaced) == sorted(old)
    assert await theirs.lookup(users) == new


async def test_a_cancelled_attach_leaves_no_route_behind(world: World) -> None:
    """A device that hung up while its route was being taken is nowhere."""
    ours = world.gateway(OURS)
    attach = await world.attaching(ours, asyncio.Event())
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


async def _overtaken(world: World, first: Coroutine[None, None, None], second: Coroutine[None, None, None]) -> None:
    """Do both, of which the first one is written after the second one."""
    world.cache.slow = written = asyncio.Event()
    world.cache.held.clear()
    slow = asyncio.create_task(first)
    await world.cache.held.wait()
    await second
    written.set()
    await slow


async def test_the_last_word_about_a_topic_holds(world: World) -> None:
    """Also when the cache hears of caring and not caring in the other order."""
    ours = world.gateway(OURS)
    await _overtaken(world, ours.care("t"), ours.drop("t"))
    assert await ours.caring(["t"]) == {}
    await ours.care("t")
    await _overtaken(world, ours.drop("t"), ours.care("t"))
    assert await ours.caring(["t"]) == {"t": (OURS,)}


async def test_bytes_that_are_no_route_are_passed_over(world: World) -> None:
    """One field written by something else does not hide the devices of a user."""
    ours = world.gateway(OURS)
    route, _ = await ours.attach("u1", "d1")
    for value in (b"", b"{}", b"[1,2]", b"\xff", b'["d","n","b","soon"]', b'"abcd"', b"17"):
        await world.cache.put("route/u1", "dx", value, LEASE_S)
        assert await ours.lookup(["u1"]) == {"u1": (route,)}
        await world.renew(ours)
