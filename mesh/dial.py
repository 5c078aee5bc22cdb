"""Connections to other processes: channels of gRPC for calls, and connections of our own transport for links."""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Final

import grpc

from mesh import errors, status
from mesh.errors import Reason
from mesh.http2.asking import Failed
from mesh.http2.call import Call
from mesh.http2.client import Client, Dialler

DIAL_S: Final = 5.0
"""How long a link may take from its first packet until the other end has let it in."""

KEEPALIVE_S: Final = 15.0
"""A frozen peer whose kernel still answers is noticed within 23 s."""

OPTIONS: Final[Sequence[tuple[str, int | str]]] = (
    # One subchannel pool a channel: a closed channel takes its connections with it.
    ("grpc.use_local_subchannel_pool", 1),
    # round_robin over the list; a node that says NOT_SERVING leaves the rotation before it stops, so that a rolling
    # restart costs no call. A server without the health service counts as serving.
    (
        "grpc.service_config",
        '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}',
    ),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # A node that comes back is found soon; gRPC's own pause grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A frozen peer whose kernel still answers is noticed by the ping timeout alone. Servers refuse more than one ping
    # in 10 s.
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
)

Metadata = Sequence[tuple[str, str]]


def targets(addresses: Sequence[str]) -> list[str]:
    """Return the fewest gRPC targets that name all of these: IP addresses share one, others stand alone.

    An address is `host:port` with an IPv4 address, an IPv6 address in brackets or a name, or `unix:path`.
    """
    lists: dict[str, list[str]] = {}
    for address in addresses:
        lists.setdefault(_kind(address), []).append(address)
    alone = [*lists.pop("unix", ()), *(f"dns:///{name}" for name in lists.pop("dns", ()))]
    return [f"{kind}:{','.join(listed)}" for kind, listed in lists.items()] + alone


def open_channel(target: str) -> grpc.aio.Channel:
    """Return a channel to one target."""
    return grpc.aio.insecure_channel(target, options=OPTIONS)


async def dial(address: str, path: str, metadata: Metadata) -> "CallWire":
    """Open a bidirectional stream of bytes and wait until the other end has greeted (`mesh.link.HELLO`).

    Raises what the other end refused with, UNAVAILABLE when it is not there, DEADLINE_EXCEEDED after DIAL_S.
    """
    dialler = Dialler(keepalive_s=KEEPALIVE_S)
    try:
        async with asyncio.timeout(DIAL_S):
            client = await dialler.connect(address)
            wire = CallWire(client, await client.open(path, tuple(metadata)))
            greeting = await wire.read_bytes()
    except TimeoutError:
        await dialler.close()
        raise errors.deadline(Reason.DEADLINE_EXCEEDED, "the other end of a link did not greet") from None
    except (OSError, Failed):
        raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the other end of a link does not answer") from None
    if greeting is None:
        raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the other end closed the link at once")
    return wire


class CallWire:
    """`mesh.link.Wire` over a call of our own; the end of the stream, however it comes, closes the connection."""

    def __init__(self, client: Client, call: Call) -> None:
        self._client = client
        self._call = call

    async def read_bytes(self) -> bytes | None:
        """Return the next message, None at a clean end; raises MeshError at another."""
        message = None
        try:
            message = await self._call.read()
        except Failed as failed:
            raise status.told(failed.code, failed.details) from failed
        finally:
            if message is None:
                self.close()
        return message

    async def write_bytes(self, message: bytes) -> None:
        """Write one message; raises StreamClosed when the stream is over."""
        if not self._call.send(message):
            await self._call.drained()

    def close(self) -> None:
        """End the stream and its connection."""
        self._client.hang_up()


def gone(error: BaseException) -> bool:
    """Whether gRPC ended a call by itself, which it tells with the cancellation of a task that nobody cancelled."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()


def _kind(address: str) -> str:
    if address.startswith("unix:"):
        return "unix"
    host = address.rpartition(":")[0].strip("[]")
    try:
        return f"ipv{ipaddress.ip_address(host).version}"
    except ValueError:
        return "dns"
