"""Calls of any RPC by its descriptor, with bytes as they are."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2, status_pb2

from tests import spoken
from tests.journeys.belongings import bearer
from tests.k8s.contract import path

FIRST_S: Final = 20.0
"""How long the first message of a stream may take."""

CUT_AFTER_S: Final = 0.3
"""How long a stream is listened to after that."""

Unary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
Many = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: a code, the reason and the words of an error, and messages."""

    code: str
    reason: str = ""
    words: str = ""
    messages: tuple[bytes, ...] = ()


async def ask(channel: grpc.aio.Channel, method: MethodDescriptor, request: bytes, token: str) -> Answer:
    """Call with these bytes. A stream that does not end is left after a while, with what it said."""
    messages: list[bytes] = []
    try:
        if method.server_streaming:
            await _listen(channel, method, request, token, messages)
        else:
            one: Unary = channel.unary_unary(path(method))
            messages.append(await one(request, metadata=bearer(token), timeout=20))
    except grpc.aio.AioRpcError as error:
        refused = refusal(error)
        spoken.hear(path(method), refused.reason)
        return refused
    return Answer("OK", messages=tuple(messages))


async def _listen(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: bytes, token: str, messages: list[bytes]
) -> None:
    many: Many = channel.unary_stream(path(method))
    call = many(request, metadata=bearer(token))
    try:
        async with asyncio.timeout(FIRST_S) as limit:
            async for message in call:
                messages.append(message)
                if len(messages) == 1:
                    limit.reschedule(asyncio.get_running_loop().time() + CUT_AFTER_S)
    except TimeoutError:
        call.cancel()


def refusal(error: grpc.aio.AioRpcError) -> Answer:
    """The answer that this error is."""
    return Answer(error.code().name, reason_of(error.trailing_metadata() or ()), error.details() or "")


def reason_of(trailers: Iterable[tuple[str, str | bytes]]) -> str:
    """The reason in the details of an answer; empty when there is none."""
    info = error_details_pb2.ErrorInfo()
    details = dict(trailers).get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(details if isinstance(details, bytes) else b"")
    for detail in status.details:
        detail.Unpack(info)
    return info.reason
