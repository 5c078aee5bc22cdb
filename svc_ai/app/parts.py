"""Wires what answers in chats and requests of single users are both made of."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from mesh.breaker import Breaker
from mesh.client import Channels
from mesh.clock import Clock
from mesh.settings import SettingError
from mesh.telemetry import Telemetry
from mesh.vitals import show_database
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from svc_ai.app.settings import Settings
from svc_ai.application.tasks import Tasks
from svc_ai.application.usage import Metering
from svc_ai.application.write import Bounds, Writer
from svc_ai.domain.ports import Model
from svc_ai.domain.prices import Prices
from svc_ai.domain.settings import Offer
from svc_ai.domain.usage import Daily
from svc_ai.infrastructure.directory import GrpcDirectory
from svc_ai.infrastructure.histories import GrpcHistories
from svc_ai.infrastructure.journal import TelemetryJournal
from svc_ai.infrastructure.log import GrpcLog
from svc_ai.infrastructure.models import offer_of, open_model
from svc_ai.infrastructure.people import GrpcPeople
from svc_ai.infrastructure.prices import prices_of
from svc_ai.infrastructure.store import Store, open_store

BREAKER_SECONDS: Final = 10.0
"""How long a model that failed five times in a row is left alone."""


@dataclass(frozen=True, slots=True)
class Near:
    """The neighbours of this service."""

    log: GrpcLog
    histories: GrpcHistories
    directory: GrpcDirectory
    people: GrpcPeople


@dataclass(frozen=True, slots=True)
class Parts:
    """What answers in chats and requests of single users are both made of."""

    settings: Settings
    near: Near
    store: Store
    model: Model
    offer: Offer
    prices: Prices
    breaker: Breaker
    metering: Metering
    journal: TelemetryJournal
    tasks: Tasks
    clock: Clock

    def writer(self, bounds: Bounds) -> Writer:
        """Who asks the model, for so long; all share what is known of the model's health."""
        return Writer(self.model, bounds, self.breaker, self.journal, self.prices)


async def open_parts(
    settings: Settings, stack: AsyncExitStack, clock: Clock, channels: Channels, telemetry: Telemetry
) -> Parts:
    """Open the store and the model; the stack closes them, and ends what runs beside. Raises SettingError."""
    journal, tasks = TelemetryJournal(telemetry), Tasks()
    store = await open_store(settings.store_url, settings.store_password, stack)
    telemetry.count_reads("ai", store.reads)
    show_database(telemetry, "ai", store.database)
    metering = Metering(store.usage, _checked(settings.daily), journal, clock)
    opening = open_model(
        settings.model,
        settings.scripted,
        patience_seconds=settings.bounds.first_piece_seconds,
        breaker_seconds=BREAKER_SECONDS,
        clock=clock,
        telemetry=telemetry,
    )
    model = await stack.enter_async_context(opening)
    stack.push_async_callback(tasks.close)
    offer, breaker = offer_of(settings.offer, model.name), Breaker("model", clock, open_s=BREAKER_SECONDS)
    prices = prices_of(settings.prices)
    return Parts(settings, _near(channels), store, model, offer, prices, breaker, metering, journal, tasks, clock)


def _near(channels: Channels) -> Near:
    messages = channels.stub(LogServiceStub, "message")
    accounts = channels.stub(UserDirectoryServiceStub, "user")
    return Near(GrpcLog(messages), GrpcHistories(messages), GrpcDirectory(accounts), GrpcPeople(accounts))


def _checked(daily: Daily) -> Daily:
    if min(daily.tokens, daily.requests, daily.cost_micros) < 0:
        raise SettingError("AI_DAILY: what may be used in a day must not be negative; 0 sets no limit")
    return daily
