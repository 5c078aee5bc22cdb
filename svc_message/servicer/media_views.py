"""Media: messages of the contract -> values of the domain, and back."""

from typing import Final, Protocol

from parley.media.v1 import media_pb2
from parley.media.v1.media_service_pb2 import (
    CreateUploadRequest,
    GetQuotaResponse,
    ListMediaRequest,
    MediaReference,
    MediaUsage,
)
from svc_message.application.media.upload import Progress
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.media import file as domain
from svc_message.domain.media.gallery import Usage

PURPOSES: Final = {
    media_pb2.PURPOSE_MESSAGE: domain.Purpose.MESSAGE,
    media_pb2.PURPOSE_AVATAR: domain.Purpose.AVATAR,
}
KINDS: Final = {
    domain.MediaKind.IMAGE: media_pb2.MEDIA_KIND_IMAGE,
    domain.MediaKind.VIDEO: media_pb2.MEDIA_KIND_VIDEO,
    domain.MediaKind.AUDIO: media_pb2.MEDIA_KIND_AUDIO,
    domain.MediaKind.FILE: media_pb2.MEDIA_KIND_FILE,
}
STATES: Final = {
    domain.MediaState.PROCESSING: media_pb2.MEDIA_STATE_PROCESSING,
    domain.MediaState.READY: media_pb2.MEDIA_STATE_READY,
    domain.MediaState.REJECTED: media_pb2.MEDIA_STATE_REJECTED,
    domain.MediaState.EXPIRED: media_pb2.MEDIA_STATE_EXPIRED,
}
SIZES: Final = {
    domain.ThumbnailSize.SMALL: media_pb2.THUMBNAIL_SIZE_SMALL,
    domain.ThumbnailSize.MEDIUM: media_pb2.THUMBNAIL_SIZE_MEDIUM,
    domain.ThumbnailSize.LARGE: media_pb2.THUMBNAIL_SIZE_LARGE,
}


class _Referring(Protocol):
    """A request that may say where the caller read of a media."""

    @property
    def reference(self) -> MediaReference: ...


def claim(request: CreateUploadRequest) -> domain.Claim:
    """What the uploader says of a file."""
    return domain.Claim(
        PURPOSES[request.purpose],
        request.size_bytes,
        request.sha256,
        request.content_type,
        request.file_name,
        request.duration_ms,
        request.waveform,
    )


def reference(request: _Referring) -> domain.Reference | None:
    """Where the caller read of a media, if they say so."""
    given = request.reference
    return domain.Reference(ConversationId(given.conversation_id), Seq(given.seq)) if given.seq else None


def upload(progress: Progress) -> media_pb2.Upload:
    """An upload under way."""
    of = progress.media
    targets = [
        media_pb2.PartTarget(
            part_number=one.number,
            url=one.url,
            headers=one.headers,
            size_bytes=of.part_size(one.number),
            expires_at_ms=one.expires_at_ms,
        )
        for one in progress.targets
    ]
    return media_pb2.Upload(
        media_id=of.media_id,
        part_size_bytes=of.part_bytes,
        part_count=of.part_count,
        targets=targets,
        received_parts=progress.received,
        expires_at_ms=progress.expires_at_ms,
    )


def media(kept: domain.Media) -> media_pb2.Media:
    """A media that has come whole."""
    shown = media_pb2.Media(
        media_id=kept.media_id,
        owner_id=kept.owner_id,
        purpose=media_pb2.Purpose.ValueType(kept.claim.purpose),
        file_name=kept.file_name,
        state=STATES.get(kept.state, media_pb2.MEDIA_STATE_UNSPECIFIED),
        created_at_ms=kept.completed_at_ms,
    )
    if kept.findings is not None:
        _add_findings(shown, kept.findings)
    return shown


def kinds(request: ListMediaRequest) -> frozenset[domain.MediaKind]:
    """The kinds that are asked for."""
    return frozenset(kind for kind, number in KINDS.items() if number in request.kinds)


def quota(usage: Usage, limits: domain.MediaLimits) -> GetQuotaResponse:
    """What a user has and may have."""
    stock = [(kind, usage.stock[kind]) for kind in sorted(usage.stock)]
    return GetQuotaResponse(
        used_bytes=usage.room.used_bytes,
        limit_bytes=limits.quota_bytes,
        max_media_bytes=limits.largest(domain.Purpose.MESSAGE),
        usage=[MediaUsage(kind=KINDS[kind], files=of.files, size_bytes=of.size_bytes) for kind, of in stock],
        upload_ids=usage.upload_ids,
        used_files=usage.room.files,
        limit_files=limits.files,
    )


def _add_findings(shown: media_pb2.Media, findings: domain.Findings) -> None:
    shown.kind = KINDS[findings.kind]
    shown.content_type = findings.content_type
    shown.size_bytes = findings.size_bytes
    shown.sha256 = findings.sha256
    shown.width = findings.width
    shown.height = findings.height
    shown.duration_ms = findings.duration_ms
    shown.waveform = findings.waveform
    shown.blur_hash = findings.blur_hash
    for one in findings.thumbnails:
        shown.thumbnails.add(size=SIZES[one.size], width=one.width, height=one.height, size_bytes=one.size_bytes)
