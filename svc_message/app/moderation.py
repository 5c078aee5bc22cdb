"""Wires what is looked at before it is shown, how fast users may send, and what they report."""

from dataclasses import dataclass

from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live
from mesh.live_follow import LiveFollower, RemoteLive
from mesh.member import Member
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from parley.report.v1 import report_service_pb2
from svc_message import servicer
from svc_message.app.settings import Settings
from svc_message.application.history import Histories
from svc_message.application.report import Reporting
from svc_message.application.review import Reviewing
from svc_message.application.send_rate import SendRates
from svc_message.infrastructure.store import Store
from svc_message.infrastructure.texts import WordScreen


@dataclass(frozen=True, slots=True)
class Moderation:
    """What the rest of the service asks."""

    reporting: Reporting
    rates: SendRates
    words: WordScreen


def moderate(member: Member, settings: Settings, store: Store, histories: Histories) -> Moderation:
    """Add what users call to report, and follow the settings that administrators change."""
    reporting = Reporting(store.reports, store.log, histories, member.ids, member.clock)
    live, reviewing = Live(make_finder), Reviewing(reporting, member.clock)
    following = LiveFollower(RemoteLive(member.channels.stub(LiveSettingsServiceStub, "user")), live, member.clock)
    contract = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
    member.server.add(servicer.ReportServicer(reporting), contract)
    member.process.spawn(reviewing.run(), "message-reviews")
    member.process.spawn(member.once_joined(following.run()), "message-live-settings")
    return Moderation(reporting, SendRates(live, settings.rate(), member.clock), WordScreen(live, reviewing.note))
