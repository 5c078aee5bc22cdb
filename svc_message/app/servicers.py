"""The entrances of the message service, each with its use cases."""

from dataclasses import dataclass

from mesh.holds import Holds
from mesh.member import Member
from parley.conversation.v1 import conversation_service_pb2
from parley.link.v1 import link_service_pb2
from parley.log.v1 import log_service_pb2
from parley.message.v1 import message_service_pb2
from svc_message import servicer
from svc_message.app.moderation import Moderation
from svc_message.app.parts import Parts
from svc_message.app.reading import Reading
from svc_message.app.syncing import Syncing
from svc_message.app.timing import Timing
from svc_message.application.own.clear_estates import EstateClearing
from svc_message.application.own.export import Exports
from svc_message.application.own.forget import Forgetting
from svc_message.application.send import Sender
from svc_message.infrastructure.reading import ProtobufReading


@dataclass(frozen=True, slots=True)
class Uses:
    """What can be done with messages and conversations."""

    sender: Sender
    reading: Reading
    moderation: Moderation
    timing: Timing
    syncing: Syncing


def serve_links(member: Member, uses: Uses) -> None:
    """Add what gateways call."""
    syncing, holds = uses.syncing, Holds(member.clock)
    links = servicer.GatewayLinks(
        uses.sender, syncing.receipts, syncing.signals, syncing.sync, holds, uses.moderation.rates
    )
    member.accept_links(links.accept)
    member.server.add(servicer.LinkServicer(links), link_service_pb2.DESCRIPTOR.services_by_name["LinkService"])


def serve_edge(parts: Parts, uses: Uses) -> None:
    """Add what users call."""
    server = parts.member.server
    server.add(_messages(uses), message_service_pb2.DESCRIPTOR.services_by_name["MessageService"])
    contract = conversation_service_pb2.DESCRIPTOR.services_by_name["ConversationService"]
    server.add(_conversations(parts, uses), contract)


def serve_services(parts: Parts, uses: Uses, clearing: EstateClearing) -> None:
    """Add what other services call."""
    forgetting, syncing = Forgetting(parts.store.erasures, clearing), uses.syncing
    logs = servicer.LogServicer(
        parts.owned.append, syncing.sync, syncing.signals, syncing.receipts, forgetting, uses.reading.histories
    )
    parts.member.server.add(logs, log_service_pb2.DESCRIPTOR.services_by_name["LogService"])


def _messages(uses: Uses) -> servicer.MessageServicer:
    reading, timing, moderation = uses.reading, uses.timing, uses.moderation
    return servicer.MessageServicer(
        uses.sender,
        reading.histories,
        reading.about,
        timing.owns,
        timing.scheduler,
        moderation.reporting,
        moderation.rates,
    )


def _conversations(parts: Parts, uses: Uses) -> servicer.ConversationServicer:
    store, timing, syncing = parts.store, uses.timing, uses.syncing
    exports = Exports(store.log, store.members, store.owns, parts.bots.sights, ProtobufReading())
    return servicer.ConversationServicer(
        syncing.summaries, syncing.sync, syncing.receipts, uses.reading.posts, timing.owns, timing.retention, exports
    )
