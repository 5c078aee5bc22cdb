"""Wires what happens at its time."""

from dataclasses import dataclass
from functools import partial

from svc_message.app.parts import Parts
from svc_message.application.own.change import OwnStates
from svc_message.application.send import Sender
from svc_message.application.timing.expire import Expirer
from svc_message.application.timing.retain import Retention
from svc_message.application.timing.schedule import Scheduler
from svc_message.application.timing.sweep import Sweep
from svc_message.servicer import contents


@dataclass(frozen=True, slots=True)
class Timing:
    """What is done later, and what sees that it is done."""

    owns: OwnStates
    expirer: Expirer
    scheduler: Scheduler
    retention: Retention
    sweep: Sweep


def timing_of(parts: Parts, sender: Sender) -> Timing:
    """What is done later; one node looks for what others left."""
    owns, expirer, scheduler = _owns(parts), _expirer(parts), _scheduler(parts, sender)
    retention = _retention(parts)
    steps = (owns.tell_due, expirer.begin_read, expirer.destroy_due, scheduler.send_due, retention.remove_due)
    sweep = Sweep(parts.member.clock, partial(parts.share.has, "sweep"), steps, parts.owned.agenda)
    return Timing(owns, expirer, scheduler, retention, sweep)


def _owns(parts: Parts) -> OwnStates:
    store, owned = parts.store, parts.owned
    return OwnStates(
        store.owns,
        store.quiet,
        store.log,
        store.members,
        owned.memory,
        owned.append,
        parts.notices,
        parts.member.clock,
        owned.agenda,
    )


def _expirer(parts: Parts) -> Expirer:
    store, owned = parts.store, parts.owned
    return Expirer(store.expiries, store.log, owned.append, parts.notices, parts.member.clock, owned.agenda)


def _scheduler(parts: Parts, sender: Sender) -> Scheduler:
    owned = parts.owned
    return Scheduler(
        parts.store.schedules,
        parts.store.log,
        owned.conversations,
        sender,
        owned.append,
        parts.notices,
        contents.scheduled,
        parts.deliverer.push,
        parts.member.clock,
        owned.agenda,
    )


def _retention(parts: Parts) -> Retention:
    store, owned = parts.store, parts.owned
    return Retention(
        store.retentions,
        store.log,
        owned.conversations,
        owned.memory,
        owned.append,
        parts.codec,
        parts.notices,
    )
