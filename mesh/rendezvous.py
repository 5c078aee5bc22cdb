"""Rendezvous hashing: which of the live nodes owns a key. When a node goes, only its keys move. Pure Python."""

import hashlib
from collections.abc import Sequence
from typing import Final

from mesh.registry import Node

REMEMBERED: Final = 100_000


class Rendezvous:
    """The owner of each key among a set of nodes; remembers its answers until the nodes change."""

    def __init__(self) -> None:
        self._nodes: tuple[Node, ...] = ()
        self._owners: dict[str, Node] = {}

    def owner(self, nodes: Sequence[Node], key: str) -> Node | None:
        """The node that owns this key, None when there are no nodes."""
        if len(nodes) < 2:  # noqa: PLR2004 - with one there is nothing to choose
            return nodes[0] if nodes else None
        if tuple(nodes) != self._nodes or len(self._owners) >= REMEMBERED:
            self._nodes = tuple(nodes)
            self._owners = {}
        owner = self._owners.get(key)
        if owner is None:
            owner = self._owners[key] = max(nodes, key=lambda node: _weight(node.id, key))
        return owner


def _weight(node_id: str, key: str) -> bytes:
    return hashlib.blake2b(f"{node_id}\n{key}".encode(), digest_size=8).digest()
