"""Wires what single users ask of the model, beside what is written to assistants."""

from dataclasses import replace
from typing import Final

from svc_ai.app.parts import Parts
from svc_ai.application.admit import Admission
from svc_ai.application.answer import Answering
from svc_ai.application.assistants import Assistants
from svc_ai.application.cancel import Running
from svc_ai.application.configure import Configuring
from svc_ai.application.consult import Consulting
from svc_ai.application.gather import Gathering
from svc_ai.application.heed import Heeding
from svc_ai.application.regenerate import Regenerating
from svc_ai.application.renew import Renewing
from svc_ai.application.suggest import Suggesting
from svc_ai.application.summarise import Summarising
from svc_ai.application.translate import Translating
from svc_ai.servicer.asking import Asked

REQUEST_SECONDS: Final = 50.0
"""How long the model may take for a request that somebody waits for: less than the longest deadline of a call."""


def renewing_of(
    parts: Parts, assistants: Assistants, gathering: Gathering, answering: Answering, running: Running
) -> Renewing:
    """Who writes the answers that are asked for anew."""
    return Renewing(
        parts.store.renewals,
        assistants,
        gathering,
        answering,
        running,
        journal=parts.journal,
        clock=parts.clock,
        spawn=parts.tasks.spawn,
        at_once=parts.settings.workload.answers,
    )


def regenerating_of(
    parts: Parts, assistants: Assistants, running: Running, heeding: Heeding, renewing: Renewing
) -> Regenerating:
    """Who takes what is to be answered anew."""
    return Regenerating(
        assistants,
        parts.near.histories,
        parts.near.people,
        parts.store.requests,
        parts.store.renewals,
        cursors=parts.store.cursors,
        running=running,
        heeding=heeding,
        renewing=renewing,
        metering=parts.metering,
        clock=parts.clock,
        spawn=parts.tasks.spawn,
    )


def asked_of(parts: Parts, assistants: Assistants, regenerating: Regenerating) -> Asked:
    """What single users ask the model for: they wait for it, so it has less time than an answer in a chat."""
    settings, histories, store = parts.settings, parts.near.histories, parts.store
    brief = replace(settings.bounds, seconds=min(settings.bounds.seconds, REQUEST_SECONDS))
    consulting = Consulting(parts.writer(brief), parts.metering)
    return Asked(
        Admission(parts.clock, settings.requests_per_minute),
        regenerating,
        Summarising(histories, parts.near.people, store.requests, consulting, parts.clock),
        Translating(histories, consulting),
        Suggesting(histories, consulting),
        Configuring(assistants, histories, store.settings, parts.offer),
    )
