"""A message node that notifies a carrier, devices that can be notified, and what became of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from mesh.settings import Secret
from parley.conversation.v1.conversation_pb2 import ConversationSettings
from parley.conversation.v1.conversation_service_pb2 import UpdateSettingsRequest
from parley.directory.v1.directory_service_pb2 import DirectoryProfile
from parley.user.v1.session_pb2 import PushProvider, PushTarget
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import PushSettings
from tests.svc_message.device import Device, new_device
from tests.svc_message.receiver import SECRET, Hook
from tests.svc_message.world import World, process, world

HOLD_S, PAUSE_S = 0.2, 1.5
SLOW_HOLD_S = SLOW_PAUSE_S = 20.0
"""Times in which all comes first that is to come before a notification, on any machine; `let_go` ends them."""


@asynccontextmanager
async def pushing(folder: Path, url: str, **others: float) -> AsyncIterator[World]:
    """A mesh whose message node notifies a webhook, with these times or others."""
    async with world(folder) as made:
        times = {"hold_seconds": HOLD_S, "pause_seconds": PAUSE_S, "retry_seconds": 0.01, "deadline_seconds": 30.0}
        times |= others
        made.message = Settings(push=PushSettings(url, Secret(SECRET), **times), sends_burst=0)
        made.readers.append(InMemoryMetricReader())
        async with process(made, "message", "gateway") as address, AsyncExitStack() as stack:
            made.stack = stack
            made.connect(address)
            yield made


@asynccontextmanager
async def pushing_slowly(folder: Path, url: str, pause_s: float = SLOW_PAUSE_S) -> AsyncIterator[World]:
    """The same mesh, which tells nobody before `let_go`."""
    async with pushing(folder, url, hold_seconds=SLOW_HOLD_S, pause_seconds=pause_s) as made:
        yield made


@pytest.fixture
async def mesh(tmp_path: Path, carrier: Hook) -> AsyncIterator[World]:
    """A mesh that notifies."""
    async with pushing(tmp_path, carrier.url) as made:
        yield made


@pytest.fixture
async def slow(tmp_path: Path, carrier: Hook) -> AsyncIterator[World]:
    """One that tells nobody before `let_go`."""
    async with pushing_slowly(tmp_path, carrier.url) as made:
        yield made


async def let_go(mesh: World, met: Callable[[], object], step_s: float = 1.0) -> None:
    """Let the time of the mesh pass, in steps, until this is so."""
    async with asyncio.timeout(60):
        while not met():
            mesh.clock.advance(step_s)
            await asyncio.sleep(0.01)


def phone(mesh: World, name: str, *, hidden: bool = False) -> Device:
    """A device that is not connected and can be notified."""
    made = new_device(mesh)
    mesh.directory.seen_as[made.user_id] = DirectoryProfile(user_id=made.user_id, display_name=name)
    mesh.directory.targets[made.user_id] = [
        PushTarget(
            device_id=made.device_id,
            provider=PushProvider.PUSH_PROVIDER_APNS,
            token=f"token of {name}",
            app_id="com.example",
            hide_content=hidden,
        )
    ]
    return made


def outcomes(mesh: World) -> dict[str, int]:
    """How many notifications ended how."""
    data = mesh.readers[0].get_metrics_data()  # type: ignore[attr-defined]  # it is the one in memory
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "push.notifications"
        for point in metric.data.data_points
    ]
    return {point.attributes["outcome"]: point.value for point in points}


async def counted(mesh: World, outcome: str, many: int = 1) -> None:
    """Wait until so many notifications ended so."""
    async with asyncio.timeout(30):
        while outcomes(mesh).get(outcome, 0) < many:  # noqa: ASYNC110 - a metric tells nobody
            await asyncio.sleep(0.02)


async def heard(device: Device, chat: str, user_id: str, seq: int) -> bool:
    """Whether a device was told how far the other one has received."""
    return any(
        (one.user_id, one.received_seq >= seq) == (user_id, True)
        for one in device.received.receipts
        if one.conversation_id == chat
    )


FOREVER = 2**63 - 1


async def mute(device: Device, chat: str, until_ms: int = FOREVER) -> None:
    """Mute a conversation, as any device of the user may."""
    request = UpdateSettingsRequest(conversation_id=chat, settings=ConversationSettings(muted_until_ms=until_ms))
    request.update_mask.paths.append("muted_until_ms")
    await device.do(device.world.conversations.UpdateSettings, request)
