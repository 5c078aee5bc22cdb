"""Devices that nobody could find for a while are told that they may have missed something."""

from mesh.registry import Node
from mesh.renewal import RENEW_S
from mesh.routes import HOLDERS, USER
from tests.svc_message.device import new_device
from tests.svc_message.world import World


async def test_a_device_whose_route_was_lost_is_told(mesh: World) -> None:
    """What was said meanwhile came to none of the user's devices: the gateway tells them when it writes the route."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    await mesh.backends.kv.remove(USER + ann.user_id, ann.device_id)
    mesh.clock.advance(RENEW_S)
    await ann.until(lambda: ann.received.heartbeat.stale)
    assert not bob.received.HasField("heartbeat")


async def test_a_gateway_that_was_taken_for_dead_tells_its_devices(mesh: World) -> None:
    """While the registry did not list it, nobody sent it anything."""
    ann, registry = await new_device(mesh).connect(), mesh.backends.registry
    [gateway] = registry.nodes(HOLDERS)
    async with registry.register(HOLDERS, Node(gateway.id, "another", gateway.address)):
        await new_device(mesh).connect()
        assert not ann.received.HasField("heartbeat")
    async with registry.register(HOLDERS, gateway):
        await ann.until(lambda: ann.received.heartbeat.stale)
