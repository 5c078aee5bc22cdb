"""Routes that are remembered, and when they are looked up again."""

import asyncio
from dataclasses import dataclass, field

import pytest

from mesh import route_memory
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.route_memory import REMEMBERED_S, RouteMemory
from mesh.routes import Routes
from tests.mesh.cache import Cache


@dataclass
class Two:
    """Two gateways that hold devices, and a third node that remembers where users are."""

    clock: FakeClock = field(default_factory=FakeClock)
    alive: list[tuple[str, str]] = field(default_factory=lambda: [("g1", "b1"), ("g2", "b2")])

    def __post_init__(self) -> None:
        self.cache = Cache(self.clock)
        self.one, self.two = (Routes(self.cache, self.clock, f"g{n}", f"b{n}") for n in (1, 2))
        looking = Routes(self.cache, self.clock, "m", "b", live=lambda: self.alive)
        self.memory = RouteMemory(looking, lambda: self.alive, self.clock)

    async def nodes(self, *users: str) -> dict[str, list[str]]:
        """Where these users are, as the third node knows it."""
        found = await self.memory.lookup(users)
        return {user: sorted(node for node, _ in reach.nodes) for user, reach in found.items()}

    async def reads(self, *users: str) -> int:
        """How many reads of the cache a look-up costs."""
        before = self.cache.reads
        await self.memory.lookup(users)
        return self.cache.reads - before


async def test_who_is_somewhere_is_looked_up_once() -> None:
    """A second look-up reads nothing; one with somebody new asks for that one alone, in one read."""
    mesh = Two()
    await mesh.one.attach("ann", "phone")
    await mesh.two.attach("bob", "phone")
    assert [await mesh.reads("ann") for _ in range(3)] == [1, 0, 0]
    assert await mesh.nodes("ann", "bob") == {"ann": ["g1"], "bob": ["g2"]}
    assert await mesh.reads("ann", "bob") == 0


async def test_who_comes_online_is_found_at_once() -> None:
    """Nobody is remembered as being nowhere."""
    mesh = Two()
    assert await mesh.nodes("ann") == {}
    await mesh.one.attach("ann", "phone")
    assert await mesh.nodes("ann") == {"ann": ["g1"]}


async def test_who_moved_is_looked_up_again() -> None:
    """A word that a user has come to another node ends what was remembered, and nothing about others."""
    mesh = Two()
    for user in ("ann", "bob"):
        await mesh.one.attach(user, "phone")
    await mesh.nodes("ann", "bob")
    await mesh.two.attach("ann", "laptop")
    mesh.memory.forget(["ann"])
    assert await mesh.reads("bob") == 0
    assert await mesh.nodes("ann") == {"ann": ["g1", "g2"]}


@pytest.mark.parametrize("everybody", [False, True])
async def test_a_word_that_comes_during_a_look_up_counts(*, everybody: bool) -> None:
    """What was read before the word of a move came, and arrives after it, is not remembered."""
    mesh = Two()
    await mesh.one.attach("ann", "phone")
    looking = asyncio.create_task(mesh.memory.lookup(["ann"]))
    await asyncio.sleep(0)
    assert not looking.done()
    if everybody:
        mesh.memory.forget_all()
    else:
        mesh.memory.forget(["ann"])
    await looking
    assert await mesh.reads("ann") == 1
    assert await mesh.reads("ann") == 0


async def test_the_users_of_a_dead_node_are_looked_up_again() -> None:
    """When a node that may hold routes goes, nothing known before is used; one that comes changes nothing."""
    mesh = Two()
    await mesh.one.attach("ann", "phone")
    await mesh.nodes("ann")
    mesh.alive.append(("g3", "b3"))
    assert await mesh.reads("ann") == 0
    mesh.alive.remove(("g1", "b1"))
    assert await mesh.nodes("ann") == {}


async def test_it_is_said_who_was_at_a_node_that_died() -> None:
    """Once, also when nobody looks anything up, and not of those who are at others or were never looked up."""
    mesh = Two()
    stranded: list[str] = []
    mesh.memory.listen(stranded.extend)
    for user in ("ann", "eve"):
        await mesh.one.attach(user, "phone")
    await mesh.two.attach("bob", "phone")
    await mesh.nodes("ann", "bob")
    mesh.alive.remove(("g1", "b1"))
    mesh.memory.notice()
    mesh.memory.notice()
    assert stranded == ["ann"]


async def test_the_only_node_that_comes_back_does_not_hold_what_it_did() -> None:
    """While none is known nothing has died; one that started again has none of the devices it had before."""
    mesh = Two(alive=[("g1", "b1")])
    stranded: list[str] = []
    mesh.memory.listen(stranded.extend)
    await mesh.one.attach("ann", "phone")
    await mesh.nodes("ann")
    mesh.alive.clear()
    assert await mesh.nodes("ann") == {"ann": ["g1"]}
    assert stranded == []
    mesh.alive.append(("g1", "b9"))
    assert await mesh.nodes("ann") == {}
    assert stranded == ["ann"]


async def test_what_is_remembered_ends_with_the_lease() -> None:
    """After the lease of a route it is looked up again, whatever words were lost."""
    mesh = Two()
    await mesh.one.attach("ann", "phone")
    await mesh.nodes("ann")
    mesh.clock.advance(REMEMBERED_S - 1)
    assert await mesh.reads("ann") == 0
    mesh.clock.advance(1)
    assert await mesh.reads("ann") == 1


async def test_without_the_cache_those_who_are_known_are_found() -> None:
    """A look-up of known users does not need the cache; one of others says that it is away."""
    mesh = Two()
    await mesh.one.attach("ann", "phone")
    await mesh.nodes("ann")
    mesh.cache.away = True
    assert await mesh.nodes("ann") == {"ann": ["g1"]}
    with pytest.raises(MeshError) as error:
        await mesh.memory.lookup(["ann", "bob"])
    assert error.value.code is Code.UNAVAILABLE


async def test_no_more_users_are_remembered_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound those that were looked up longest ago are forgotten."""
    monkeypatch.setattr(route_memory, "MAX_USERS", 2)
    mesh = Two()
    for user in ("ann", "bob", "eve"):
        await mesh.one.attach(user, "phone")
        await mesh.nodes(user)
    assert [await mesh.reads(user) for user in ("eve", "bob", "ann")] == [0, 0, 1]
