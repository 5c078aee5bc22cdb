"""Wires what devices and nodes are told of: how far somebody is, what they lack, who types."""

from dataclasses import dataclass

from svc_message.app.parts import Parts
from svc_message.app.timing import Timing
from svc_message.application.signals import Signals
from svc_message.application.sync.catch_up import Sync
from svc_message.application.sync.marks import MarkTeller
from svc_message.application.sync.receipts import Receipts
from svc_message.application.sync.summaries import Summaries


@dataclass(frozen=True, slots=True)
class Syncing:
    """Positions of members, what comes behind them, and what is not kept at all."""

    marks: MarkTeller
    receipts: Receipts
    signals: Signals
    sync: Sync
    summaries: Summaries


def syncing_of(parts: Parts, timing: Timing) -> Syncing:
    """What devices are told beside entries."""
    store, owned, shown, clock = parts.store, parts.owned, parts.people.shown, parts.member.clock
    deliver = parts.deliverer.push
    marks = MarkTeller(owned.conversations, shown, parts.programs.hearing(deliver), clock)
    return Syncing(
        marks,
        Receipts(store.members, owned.conversations, owned.memory, marks.tell, timing.expirer.read),
        Signals(owned.conversations, deliver),
        Sync(store.log, owned.memory, shown, parts.codec, parts.bots.sights),
        Summaries(store.log, store.members, store.owns, store.retentions, shown, clock, parts.bots.unreads),
    )
