"""What one of the nodes of a service does for all."""

from mesh.registry import Node, Registry
from mesh.rendezvous import Rendezvous


class Share:
    """This node's share of such work. Each piece has a name, and one of the live nodes for its own."""

    def __init__(self, registry: Registry, service: str, node: Node) -> None:
        self._registry = registry
        self._service = service
        self._node = node
        self._rendezvous = Rendezvous()

    def has(self, name: str) -> bool:
        """Whether it is this node's. When it is not known who else is there, it is."""
        owner = self.owner(name)
        return owner is None or owner.id == self._node.id

    def owner(self, name: str) -> Node | None:
        """Whose it is; None when it is not known who is there."""
        return self._rendezvous.owner(self._registry.nodes(self._service), name)

    async def follow(self) -> None:
        """Keep the list of live nodes fresh, for ever: the registry knows those of watched services only."""
        async for _ in self._registry.watch(self._service):
            continue
