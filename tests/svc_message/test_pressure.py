"""What a message node and a gateway count when more comes than they can take."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from mesh.broker import MAX_BUFFERED_BYTES, topic_of
from mesh.routes import HOLDERS
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application import append
from svc_message.application.deliver import Deliverer
from svc_message.domain.ports import Delivery
from tests.svc_message.device import direct, new_device, post
from tests.svc_message.world import World, mesh_of_one, refusal


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[World]:
    """A message node and a gateway, with somebody who reads their metrics."""
    async with mesh_of_one(tmp_path, prepare=lambda made: made.readers.append(InMemoryMetricReader())) as made:
        yield made


def counted(mesh: World, name: str) -> float:
    """What a metric without labels says now."""
    data = mesh.readers[0].get_metrics_data()  # type: ignore[attr-defined]  # it is the one in memory
    [value] = [
        point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
    return float(value)


async def test_messages_that_are_refused_are_counted(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a frame that is turned away before anybody looks at it, and one by a call; none that is taken."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    assert counted(mesh, "log.refused") == 0
    monkeypatch.setattr(append, "MAX_WAITING", 0)
    results = await ann.results(*(post(chat) for _ in range(3)))
    assert {result.error.reason for result in results} == {"OVERLOADED"}
    assert counted(mesh, "log.refused") == 3
    assert (await refusal(ann.do(mesh.messages.Send, SendRequest(send=post(chat))))).reason == "OVERLOADED"
    assert counted(mesh, "log.refused") == 4


async def test_losses_on_the_way_to_a_gateway_are_counted(mesh: World) -> None:
    """Once each time that devices are told to compare with the log."""
    ann = await new_device(mesh).connect()
    assert counted(mesh, "events.lost") == 0
    [gateway] = mesh.backends.registry.nodes(HOLDERS)
    await mesh.backends.broker.publish(topic_of(gateway), bytes(MAX_BUFFERED_BYTES + 1))
    await ann.until(lambda: ann.received.heartbeat.stale)
    assert counted(mesh, "events.lost") == 1


async def test_devices_are_counted_while_they_are_connected(mesh: World) -> None:
    """And nothing waits, and nothing was dropped, on a node that has nothing to do."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await ann.post(direct(ann, bob))
    assert counted(mesh, "gateway.devices") == 2
    assert counted(mesh, "log.waiting") == 0
    assert counted(mesh, "delivery.dropped") == 0


def test_deliveries_beyond_the_bound_are_counted() -> None:
    """As many as were dropped; those before them are kept."""

    class Nobody:
        async def deliver(self, deliveries: Sequence[Delivery]) -> None:
            raise AssertionError(deliveries)

    deliverer, one = Deliverer(Nobody(), most=2), Delivery((), "chat", "d", [])
    deliverer.push([one, one])
    assert deliverer.dropped == 0
    deliverer.push([one, one, one])
    assert deliverer.dropped == 3
