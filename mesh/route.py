"""A route: where a device is, and how that is written down."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

DECODED: Final = 65_536
"""Routes whose meaning is kept, 0.4 kB each: the members of a lively group are looked up for each batch."""

NodeKey = tuple[str, str]
"""Id and boot id."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a device is."""

    device: str
    node: str
    boot: str
    epoch: int


def nodes_of(routes: Iterable[Route]) -> set[NodeKey]:
    """The nodes, as (id, boot id), that hold these routes."""
    return {(route.node, route.boot) for route in routes}


class Reach(NamedTuple):
    """How a user is reached: the nodes that hold their devices, and the device, if there is one and no other."""

    nodes: tuple[NodeKey, ...]
    only_device: str = ""


def reach_of(routes: Sequence[Route]) -> Reach:
    """How whoever has these routes is reached."""
    return Reach(tuple(nodes_of(routes)), routes[0].device if len(routes) == 1 else "")


def rank(route: Route) -> tuple[int, str, str]:
    """What the newer of two routes has more of; two that were taken at once without the cache differ by their nodes."""
    return route.epoch, route.node, route.boot


def alive(routes: Iterable[Route], live: Collection[NodeKey]) -> tuple[Route, ...]:
    """Those at nodes that live; all of them when no node is known."""
    return tuple(route for route in routes if not live or (route.node, route.boot) in live)


def encode(route: Route) -> bytes:
    """The route as the cache keeps it."""
    return json.dumps([route.device, route.node, route.boot, route.epoch]).encode()


@lru_cache(maxsize=DECODED)
def decode(stored: bytes) -> Route | None:
    """The route, or None for bytes that are none: the cache is shared with other versions of this code."""
    try:
        device, node, boot, epoch = json.loads(stored)
    except (ValueError, TypeError):
        return None
    return Route(device, node, boot, epoch) if isinstance(epoch, int) else None


def decode_all(fields: Mapping[str, bytes]) -> Iterator[Route]:
    """The routes of a user; what is none is passed over."""
    return (route for stored in fields.values() if (route := decode(stored)) is not None)
