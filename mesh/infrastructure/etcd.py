"""What the registry asks of etcd: leases, puts under a lease, ranges and watches.

aetcd's generated stubs are used and its client is not: that knows one endpoint, does not look at `canceled` of a watch,
so that one which the server has ended stays silent for ever, and queues events without a bound.
`mesh.infrastructure.etcd_registry` makes a registry of it.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aetcd.rpc as pb
import grpc

from mesh.trouble import cause

CALL_S: Final = 2.0
"""How long one answer may take; then the next endpoint is asked."""

OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A watch may be silent for days. A peer that is gone without a word is noticed by pings, of which etcd refuses more
    # than one in 5 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
)

NEEDS_LEADER: Final = (("hasleader", "true"),)
"""Lets a member that is cut off from the others end its watches: they would only stay silent."""


FAILURES: Final = (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError, TimeoutError)
"""What gRPC raises when a peer is not there, or goes away while we write."""


class Away(Exception):  # noqa: N818 - a state of etcd, not a defect
    """etcd did not answer in time, or refused; the same may succeed later. Its text is a status code, never a value.

    `why` says more where certificates are the reason, else it is empty.
    """

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(code)
        self.why = why

    def told(self) -> dict[str, str]:
        """Both, for the log."""
        return {"code": str(self)} | ({"why": self.why} if self.why else {})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys under a prefix at one revision of one cluster."""

    cluster: int
    revision: int
    values: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Changes:
    """Keys and their new values, None for one that is gone, in order up to a revision."""

    revision: int
    values: list[tuple[str, bytes | None]]


class Etcd:
    """One client for all that a process asks of etcd. Use it in one event loop, and `aclose` it there."""

    def __init__(self, endpoints: Sequence[str], credentials: grpc.ChannelCredentials | None = None) -> None:
        """`endpoints` are `host:port`; when one does not answer, the next one is asked. TLS with `credentials` only."""
        self._endpoints = tuple(endpoints)
        self._credentials = credentials
        self._at = 0
        self._channels: dict[int, grpc.aio.Channel] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    async def grant(self, ttl_s: int) -> int:
        """Return a new lease. Raises Away."""
        granted = await self._call(pb.LeaseStub, "LeaseGrant", pb.LeaseGrantRequest(TTL=ttl_s))
        return int(granted.ID)

    async def revoke(self, lease: int) -> None:
        """End a lease, and with it the keys that were last put under it; also one that has ended. Raises Away."""
        try:
            await self._call(pb.LeaseStub, "LeaseRevoke", pb.LeaseRevokeRequest(ID=lease))
        except Away as away:
            if str(away) != grpc.StatusCode.NOT_FOUND.name:
                raise

    async def prolong(self, lease: int) -> bool:
        """Let a lease begin again; False when it has ended. Raises Away."""
        at = self._at
        call = pb.LeaseStub(self._channel(at)).LeaseKeepAlive(timeout=CALL_S)
        try:
            await call.write(pb.LeaseKeepAliveRequest(ID=lease))
            answer = await call.read()
        except FAILURES as error:
            raise self._away(at, error) from None
        finally:
            call.cancel()
        if answer is grpc.aio.EOF:
            raise self._away(at, None)
        return bool(answer.TTL > 0)

    async def put(self, key: str, value: bytes, lease: int) -> None:
        """Set a key for as long as the lease lives. Raises Away."""
        await self._call(pb.KVStub, "Put", pb.PutRequest(key=key.encode(), value=value, lease=lease))

    async def put_unless_other(self, key: str, value: bytes, lease: int) -> bool:
        """Set a key that is absent, or has this value already; False when it has another. Raises Away."""
        name = key.encode()
        put = pb.RequestOp(request_put=pb.PutRequest(key=name, value=value, lease=lease))
        absent = pb.Compare(key=name, target=pb.Compare.VERSION, result=pb.Compare.EQUAL, version=0)
        same = pb.Compare(key=name, target=pb.Compare.VALUE, result=pb.Compare.EQUAL, value=value)
        inner = pb.RequestOp(request_txn=pb.TxnRequest(compare=[same], success=[put]))
        answer = await self._call(pb.KVStub, "Txn", pb.TxnRequest(compare=[absent], success=[put], failure=[inner]))
        return bool(answer.succeeded or answer.responses[0].response_txn.succeeded)

    async def snapshot(self, prefix: str) -> Snapshot:
        """Read all keys under a prefix. Raises Away."""
        key, end = _range(prefix)
        found = await self._call(pb.KVStub, "Range", pb.RangeRequest(key=key, range_end=end))
        values = {name: one.value for one in found.kvs if (name := _name(one.key)) is not None}
        return Snapshot(found.header.cluster_id, found.header.revision, values)

    async def changes(self, prefix: str, revision: int) -> AsyncGenerator[Changes, None]:
        """The changes after a revision, in order. Raises Away when the watch breaks or cannot go back so far."""
        at = self._at
        call = pb.WatchStub(self._channel(at)).Watch(metadata=NEEDS_LEADER)
        try:
            async with asyncio.timeout(CALL_S):
                await call.write(_watch(prefix, revision + 1))
                answer = await call.read()
            while answer is not grpc.aio.EOF and not answer.canceled:
                if answer.events:
                    yield _changes(answer)
                answer = await call.read()
        except FAILURES as error:
            raise self._away(at, error) from None
        finally:
            call.cancel()
        raise Away("the watch was ended")

    async def _call(self, stub: Any, method: str, request: Any) -> Any:
        at = self._at
        try:
            return await getattr(stub(self._channel(at)), method)(request, timeout=CALL_S)
        except FAILURES as error:
            raise self._away(at, error) from None

    def _channel(self, at: int) -> grpc.aio.Channel:
        """One channel for each endpoint, opened when it is needed: closing one would cancel the calls of others."""
        if at not in self._channels:
            self._channels[at] = self._open(self._endpoints[at])
        return self._channels[at]

    def _open(self, endpoint: str) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(endpoint, options=OPTIONS)
        return grpc.aio.secure_channel(endpoint, self._credentials, options=OPTIONS)

    def _away(self, at: int, error: BaseException | None) -> Away:
        # Many calls may fail at once: only the first of them goes on to the next endpoint.
        if at == self._at:
            self._at = (at + 1) % len(self._endpoints)
        if isinstance(error, grpc.aio.AioRpcError):
            return Away(error.code().name, cause(error))
        return Away(type(error).__name__)


def _watch(prefix: str, revision: int) -> Any:
    key, end = _range(prefix)
    create = pb.WatchCreateRequest(key=key, range_end=end, start_revision=revision)
    return pb.WatchRequest(create_request=create)


def _range(prefix: str) -> tuple[bytes, bytes]:
    """The first key and the end of all that begin with a prefix; its last byte is below 0xff, as UTF-8 has none."""
    key = prefix.encode()
    return key, key[:-1] + bytes([key[-1] + 1])


def _changes(answer: Any) -> Changes:
    named = ((_name(event.kv.key), event) for event in answer.events)
    values = [(name, None if one.type == pb.Event.DELETE else one.kv.value) for name, one in named if name is not None]
    return Changes(answer.header.revision, values)


def _name(key: bytes) -> str | None:
    """The name of a key; None for one that nobody of us has written."""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None
