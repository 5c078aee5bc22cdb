"""What a device does with files, over the raw contract."""

import hashlib
import itertools
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc

from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import (
    CompleteUploadRequest,
    CreateUploadRequest,
    CreateUploadResponse,
    GetMediaRequest,
    GetUploadRequest,
    MediaReference,
    ReadMediaRequest,
    UploadPartRequest,
)
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from parley.message.v1.body_pb2 import Body, Image, MediaRef
from parley.message.v1.entry_pb2 import Content, Edit, Post
from parley.message.v1.message_service_pb2 import Send
from tests.refused import decode
from tests.svc_message.device import Device, send
from tests.svc_message.world import WAIT_S, World

_numbers = itertools.count(1)
MIB = 1024 * 1024


@dataclass(frozen=True)
class Uploader:
    """A device and the media service."""

    device: Device

    @property
    def stub(self) -> MediaServiceStub:
        """The service."""
        return MediaServiceStub(self.device.world.channel)

    async def create(self, data: bytes, content_type: str = "image/jpeg", **fields: object) -> CreateUploadResponse:
        """Begin an upload of these bytes; any field may say something else."""
        declared = {
            "request_id": f"request-{next(_numbers)}",
            "purpose": media_pb2.PURPOSE_MESSAGE,
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).digest(),
            "content_type": content_type,
        }
        request = CreateUploadRequest(**{**declared, **fields})  # type: ignore[arg-type]
        return await self.device.do(self.stub.CreateUpload, request)

    async def put(self, upload: media_pb2.Upload, data: bytes, *parts: int) -> None:
        """Put these parts, or all, a MiB at a time."""
        for number in parts or range(1, upload.part_count + 1):
            start = (number - 1) * upload.part_size_bytes
            part = data[start : start + upload.part_size_bytes]
            for offset in range(0, len(part), MIB):
                await self.piece(upload.media_id, number, offset, part[offset : offset + MIB])

    async def piece(self, media_id: str, number: int, offset: int, data: bytes) -> int:
        """Put one piece."""
        request = UploadPartRequest(media_id=media_id, part_number=number, offset=offset, data=data)
        return (await self.device.do(self.stub.UploadPart, request)).received_bytes

    async def complete(self, media_id: str) -> media_pb2.Media:
        """Complete an upload."""
        return (await self.device.do(self.stub.CompleteUpload, CompleteUploadRequest(media_id=media_id))).media

    async def upload(self, data: bytes, content_type: str = "image/jpeg", **fields: object) -> media_pb2.Media:
        """All of it."""
        begun = await self.create(data, content_type, **fields)
        if begun.HasField("media"):
            return begun.media
        await self.put(begun.upload, data)
        return await self.complete(begun.upload.media_id)

    async def under_way(self, media_id: str) -> media_pb2.Upload:
        """How far an upload is."""
        return (await self.device.do(self.stub.GetUpload, GetUploadRequest(media_id=media_id))).upload

    async def lost(self, media_id: str) -> bool:
        """Whether nobody knows the media any more, some seconds later."""
        self.device.world.clock.advance(6.0)
        try:
            await self.known(media_id)
        except Exception as error:  # noqa: BLE001 - looked at below
            return getattr(error, "reason", "") == "MEDIA_NOT_FOUND"
        return False

    async def known(self, media_id: str, conversation_id: str = "", seq: int = 0) -> media_pb2.Media:
        """What is known of a media."""
        request = GetMediaRequest(media_id=media_id, reference=reference(conversation_id, seq))
        return (await self.device.do(self.stub.GetMedia, request)).media

    async def read(self, media_id: str, conversation_id: str = "", seq: int = 0, **fields: int) -> bytes:
        """The bytes of a media."""
        request = ReadMediaRequest(media_id=media_id, reference=reference(conversation_id, seq), **fields)  # type: ignore[arg-type]
        return b"".join([piece async for piece in self._pieces(request)])

    async def _pieces(self, request: ReadMediaRequest) -> AsyncIterator[bytes]:
        metadata = (("authorization", f"Bearer {self.device.token}"),)
        try:
            async for response in self.stub.ReadMedia(request, timeout=WAIT_S, metadata=metadata):
                yield response.data
        except grpc.aio.AioRpcError as error:
            raise decode(error) from error


def reference(conversation_id: str, seq: int) -> MediaReference | None:
    """Where one read of it; nowhere without a seq."""
    return MediaReference(conversation_id=conversation_id, seq=seq) if seq else None


def shown(media_id: str) -> Body:
    """A body with a picture."""
    return Body(image=Image(media=MediaRef(media_id=media_id)), fallback_text="[picture]")


def show(conversation_id: str, media_id: str, **fields: object) -> Send:
    """A post with a picture."""
    return send(conversation_id, Content(post=Post(body=shown(media_id), **fields)))  # type: ignore[arg-type]


def change(conversation_id: str, target: int, media_id: str) -> Send:
    """An edit that shows a picture."""
    return send(conversation_id, Content(edit=Edit(target_seq=target, body=shown(media_id))))


async def emptied(world: World) -> bool:
    """Put the time forward by a look of those who clean up, and see whether any bytes are left."""
    world.clock.advance(6.0)
    # Folders may go while they are looked at, which `rglob` takes for an error.
    return not any(names for _, _, names in os.walk(world.folder / "media"))
