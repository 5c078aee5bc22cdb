"""gRPC channels to programs of the installation: encrypted unless they are on this machine, with a bearer token."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import grpc

from mesh.settings import Secret, SettingError
from svc_message.infrastructure.outside.addresses import Address

OPTIONS: Final[Sequence[tuple[str, int | str]]] = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 256 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)
"""A program that is back is found within two seconds; its answers are short."""


@asynccontextmanager
async def open_channel(address: Address, authority: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel. `authority` is the file of a certificate authority; empty trusts those of gRPC."""
    if address.encrypted:
        channel = grpc.aio.secure_channel(address.target, _trusting(authority), OPTIONS)
    else:
        channel = grpc.aio.insecure_channel(address.target, OPTIONS)
    async with channel:
        yield channel


def _trusting(authority: str) -> grpc.ChannelCredentials:
    try:
        return grpc.ssl_channel_credentials(Path(authority).read_bytes() if authority else None)
    except OSError:
        raise SettingError("MESSAGE_OUTSIDE_AUTHORITY: cannot be read") from None


def bearer(secret: Secret) -> tuple[tuple[str, str], ...]:
    """What a call brings to prove that it comes from this mesh; nothing without a secret."""
    return (("authorization", f"Bearer {secret.reveal()}"),) if secret else ()
