"""What one of the nodes does for all."""

from mesh.member import Member
from mesh.rendezvous import Rendezvous


class Share:
    """This node's share of such work. Each piece has a name, and one of the live nodes for its own."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._rendezvous = Rendezvous()
        member.process.spawn(self._follow(), "message-nodes")

    def has(self, name: str) -> bool:
        """Whether it is this node's. When it is not known who else is there, it is."""
        owner = self._rendezvous.owner(self._member.registry.nodes(self._member.service), name)
        return owner is None or owner.id == self._member.node.id

    async def _follow(self) -> None:
        """Keep the list fresh: a registry knows the nodes of what is watched."""
        async for _ in self._member.registry.watch(self._member.service):
            continue
