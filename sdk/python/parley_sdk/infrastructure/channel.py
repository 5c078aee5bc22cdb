"""Connections to a server."""

from __future__ import annotations

from typing import Final

import grpc

_OPTIONS: Final = (
    # Each device stream has its own connection: it can go to another gateway without taking calls along.
    ("grpc.use_local_subchannel_pool", 1),
    # A peer that vanished is noticed within 40 s. Without the ping timeout a frozen one takes a minute. Whatever comes
    # puts the next ping off at both ends, and a server of ours pings after 35 s: one ping does for both.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Otherwise each word of the server is followed by a ping that measures the line, for which a phone stays awake and
    # the server works. The windows are fixed instead.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 * 1024),
    # A server that is back is tried again at once: when to try is decided here and not in gRPC.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", 1024 * 1024),
)


def open_channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """Return a channel to `host:port`; without credentials it is not encrypted."""
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    return grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
