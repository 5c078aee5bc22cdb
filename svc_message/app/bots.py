"""Wires what bots are shown."""

from mesh.member import Member
from mesh.route_memory import RouteMemory
from svc_message.application.bots.glances import MAX_WAITING, Glances, to_bots
from svc_message.application.bots.sights import Sights
from svc_message.application.bots.unread import Unreads
from svc_message.application.deliver import Deliver, Deliverer
from svc_message.infrastructure.addressing import ProtobufAddressing
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.nodes import NodeTopics
from svc_message.infrastructure.store import Store


def show_bots(member: Member, store: Store, routes: RouteMemory) -> tuple[Sights, Deliver, Unreads]:
    """What they are shown of what is read, delivered and listed. Nobody notifies a bot who is away."""
    sights = Sights(store.changes, ProtobufAddressing(), ProtobufCodec())
    glances = Deliverer(Glances(sights, NodeTopics(routes, member.broker, member.registry)), MAX_WAITING)
    member.process.spawn(glances.run(), "message-glances")
    return sights, to_bots(glances.push), Unreads(store.log, store.members, store.changes, sights)
