"""Keeps the live settings of a node up to date: it asks whether there are newer ones, again and again.

Asking, and not being told: whatever was lost, a node has them a moment later; while nobody answers it goes on with what
it has. A question to another process waits there until there is something to answer, so that a mesh in which nothing
happens does next to nothing.
"""

import contextlib
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Final, TypeVar

from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.live import JudgingMode, Live, LiveSettings, PolicyMode, SendRate
from mesh.words import Action, WordClass
from parley.admin.v1 import live_settings_pb2 as pb
from parley.admin.v1.live_settings_service_pb2 import FetchLiveSettingsRequest
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from parley.ai.v1.moderation_service_pb2 import Verdict

E = TypeVar("E", bound=IntEnum)

PERIOD_S: Final = 2.0
"""Between two questions."""

WAIT_MS: Final = 25_000
"""How long a question to another process may wait for its answer."""

ANSWER_S: Final = WAIT_MS / 1_000 + 5.0

Fetch = Callable[[int], Awaitable[LiveSettings | None]]
"""Answers the settings if they are newer than this version. UNAVAILABLE."""


class LiveFollower:
    """Asks for ever."""

    def __init__(self, fetch: Fetch, live: Live, clock: Clock) -> None:
        self._fetch = fetch
        self._live = live
        self._clock = clock

    async def run(self) -> None:
        """Ask, take what is newer, and wait."""
        while True:
            with contextlib.suppress(MeshError):
                await self.look()
            await self._clock.sleep(PERIOD_S)

    async def look(self) -> None:
        """Ask once. Raises UNAVAILABLE."""
        newer = await self._fetch(self._live.settings.version)
        if newer is not None:
            await self._live.take(newer)


class RemoteLive:
    """`Fetch` from the service that keeps the settings for all."""

    def __init__(self, stub: LiveSettingsServiceStub) -> None:
        self._stub = stub

    async def __call__(self, known_version: int) -> LiveSettings | None:
        """See Fetch."""
        request = FetchLiveSettingsRequest(known_version=known_version, wait_ms=WAIT_MS)
        answer = await self._stub.FetchLiveSettings(request, timeout=ANSWER_S)
        return from_message(answer.settings) if answer.HasField("settings") else None


def from_message(settings: pb.LiveSettings) -> LiveSettings:
    """The settings of the contract."""
    rate = settings.send_rate
    return LiveSettings(
        settings.version,
        settings.registration_closed,
        SendRate(rate.burst, rate.per_second) if settings.HasField("send_rate") else None,
        tuple(WordClass(one.name, Action(one.action), tuple(one.words)) for one in settings.word_classes),
        _known(PolicyMode, settings.policy_mode),
        _known(JudgingMode, settings.judging_mode),
    )


def to_message(settings: LiveSettings, *, words: bool = True) -> pb.LiveSettings:
    """The settings in the words of the contract."""
    rate = settings.send_rate
    classes = [
        pb.WordClass(name=one.name, action=Verdict.ValueType(one.action), words=one.words if words else ())
        for one in settings.word_classes
    ]
    return pb.LiveSettings(
        version=settings.version,
        registration_closed=settings.registration_closed,
        send_rate=pb.SendRate(burst=rate.burst, per_second=rate.per_second) if rate else None,
        word_classes=classes,
        policy_mode=pb.PolicyMode.ValueType(settings.policy_mode),
        judging_mode=pb.JudgingMode.ValueType(settings.judging_mode),
    )


def _known(kind: type[E], value: int) -> E:
    """A mode that a newer service has, and this node does not know, is as if nothing was said."""
    return kind(value) if value in frozenset(kind) else kind(0)
