"""The parts of one upload on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from parley.media.v1 import media_pb2, media_service_pb2, media_service_pb2_grpc
from parley_sdk.errors import Code, ParleyError
from parley_sdk.facades.source import Source
from parley_sdk.infrastructure import addresses
from parley_sdk.infrastructure.calls import Calls

T = TypeVar("T")

PIECE: Final = 512 * 1024
"""Bytes of one call."""

AT_ONCE: Final = 3
"""Parts that are put at addresses at the same time."""

TRIES: Final = 8
"""How often nothing may come through before an upload is given up for now."""

_LATER: Final = frozenset({"RATE_LIMITED", "OVERLOADED"})


class Sending:
    """Sends what is missing of an upload, whichever way this installation takes it."""

    def __init__(self, calls: Calls, source: Source, on_progress: Callable[[int, int], None] | None) -> None:
        self._calls = calls
        self._source = source
        self._on_progress = on_progress

    async def send(self, upload: media_pb2.Upload) -> None:
        """Send all parts that are not there. Raises ParleyError when nothing comes through any more."""
        tries = 0
        while missing := self._missing(upload):
            self._tell(upload)
            before = len(missing)
            try:
                await self._some(upload, missing)
            except ParleyError as error:
                if error.code is not Code.UNAVAILABLE or tries == TRIES:
                    raise
                await asyncio.sleep(0.1 * 2**tries)
            upload = await self._now(upload.media_id)
            tries = tries + 1 if len(self._missing(upload)) == before else 0
        self._tell(upload)

    async def _some(self, upload: media_pb2.Upload, missing: list[int]) -> None:
        targets = [target for target in upload.targets if target.url]
        if targets:
            putting = (self._put(upload, target) for target in targets[:AT_ONCE])
            # All of them end before it is seen what is missing, so that none is put twice.
            for outcome in await asyncio.gather(*putting, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        else:
            await self._hand_over(upload, missing[0])

    async def _put(self, upload: media_pb2.Upload, target: media_pb2.PartTarget) -> None:
        start = (target.part_number - 1) * upload.part_size_bytes
        data = await self._source.read(start, target.size_bytes)
        await addresses.put(target.url, target.headers, data)

    async def _hand_over(self, upload: media_pb2.Upload, number: int) -> None:
        """One part by way of the mesh; what is there of it already is told with the first answer."""
        start = (number - 1) * upload.part_size_bytes
        size, there = min(upload.part_size_bytes, self._source.size - start), 0
        while there < size:
            data = await self._source.read(start + there, min(PIECE, size - there))
            piece = media_service_pb2.UploadPartRequest(
                media_id=upload.media_id, part_number=number, offset=there, data=data
            )
            taken = await patiently(partial(self._calls.unary, self._stub().UploadPart, piece))
            there = taken.received_bytes

    async def _now(self, media_id: str) -> media_pb2.Upload:
        request = media_service_pb2.GetUploadRequest(media_id=media_id)
        return (await patiently(lambda: self._calls.unary(self._stub().GetUpload, request))).upload

    def _missing(self, upload: media_pb2.Upload) -> list[int]:
        received = set(upload.received_parts)
        return [number for number in range(1, upload.part_count + 1) if number not in received]

    def _tell(self, upload: media_pb2.Upload) -> None:
        if self._on_progress is not None:
            left = sum(self._size(upload, number) for number in self._missing(upload))
            self._on_progress(self._source.size - left, self._source.size)

    def _size(self, upload: media_pb2.Upload, number: int) -> int:
        return min(upload.part_size_bytes, self._source.size - (number - 1) * upload.part_size_bytes)

    def _stub(self) -> media_service_pb2_grpc.MediaServiceStub:
        return self._calls.stub(media_service_pb2_grpc.MediaServiceStub)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call, and again when the server says when, for a file may be more than may come at once."""
    for _ in range(TRIES):
        try:
            return await call()
        except ParleyError as error:
            if error.reason not in _LATER or error.retry_after is None:
                raise
            await asyncio.sleep(error.retry_after)
    return await call()
