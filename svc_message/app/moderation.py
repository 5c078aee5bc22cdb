"""Wires what is looked at before it is shown, how fast users may send, and what they report."""

from dataclasses import dataclass

from mesh.breaker import Breaker
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live, PolicyMode
from mesh.live_follow import LiveFollower, RemoteLive
from mesh.member import Member
from mesh.share import Share
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from parley.ai.v1.moderation_service_pb2_grpc import ModerationServiceStub
from parley.report.v1 import report_service_pb2
from svc_message import servicer
from svc_message.app.settings import Settings
from svc_message.application.administration.report import Reporting
from svc_message.application.judging.judge import JudgedByModel
from svc_message.application.judging.judge_log import LogJudge
from svc_message.application.judging.modes import Modes, Started
from svc_message.application.judging.review import Reviewing
from svc_message.application.judging.screen import Screen, Screening
from svc_message.application.reading.history import Histories
from svc_message.application.send_rate import SendRates
from svc_message.infrastructure.model_judge import JudgingSettings, ModelJudge
from svc_message.infrastructure.outside import counters
from svc_message.infrastructure.store import Store
from svc_message.infrastructure.texts import WordScreen


@dataclass(frozen=True, slots=True)
class Moderation:
    """What the rest of the service asks."""

    reporting: Reporting
    rates: SendRates
    words: WordScreen
    screening: Screening


def modes_of(settings: Settings) -> Modes:
    """What live settings say, and before they say something, the settings of the node."""
    policy = PolicyMode.FAIL_OPEN if settings.policy.fail_open else PolicyMode.FAIL_CLOSED
    return Modes(Live(make_finder), Started(policy, settings.judging.started()))


def moderate(
    member: Member,
    share: Share,
    settings: Settings,
    store: Store,
    histories: Histories,
    modes: Modes,
    policy: Screen | None,
) -> Moderation:
    """Add what users call to report, and follow the settings that administrators change."""
    reporting = Reporting(store.reports, store.log, histories, member.ids, member.clock)
    live, reviewing = modes.live, Reviewing(reporting, member.clock)
    following = LiveFollower(RemoteLive(member.channels.stub(LiveSettingsServiceStub, "user")), live, member.clock)
    contract = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
    member.server.add(servicer.ReportServicer(reporting), contract)
    member.process.spawn(reviewing.run(), "message-reviews")
    member.process.spawn(member.once_joined(following.run()), "message-live-settings")
    model = _judge(member, share, store, modes, settings.judging, reporting, reviewing)
    screening = Screening([model, policy] if policy else [model])
    live.listen(screening.renew)
    rates, words = SendRates(live, settings.rate(), member.clock), WordScreen(live, reviewing.note)
    return Moderation(reporting, rates, words, screening)


def _judge(
    member: Member,
    share: Share,
    store: Store,
    modes: Modes,
    settings: JudgingSettings,
    reporting: Reporting,
    reviewing: Reviewing,
) -> Screen:
    """Have a model read the logs, in that mode; return how it is asked before a text is kept, in the others."""
    clock, telemetry, outside = member.clock, member.process.telemetry, store.outside
    critic = ModelJudge(member.channels.stub(ModerationServiceStub, "ai"), settings.deadline_seconds)
    counted = counters.Reviewed(telemetry)
    following = LogJudge(critic, modes, outside.feed, outside.places, reporting, share.has, clock, counted)
    member.process.spawn(member.once_joined(following.run()), "message-judging")
    judged, observe = JudgedByModel(critic, reviewing.note), counters.Policy(telemetry, "judging")
    return Screen(judged, Breaker("the model that judges", clock), clock, mode=modes.model, observe=observe)
