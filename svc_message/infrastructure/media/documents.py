"""Media as plain documents, the same in both stores, and back."""

from typing import Any

from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import (
    Claim,
    Findings,
    Media,
    MediaKind,
    MediaState,
    Purpose,
    Thumbnail,
    ThumbnailSize,
)

Document = dict[str, Any]


def document_of(media: Media) -> Document:
    """What is kept of a media beside the fields by which it is found."""
    return {
        "claim": claim_document(media.claim),
        "findings": findings_document(media.findings) if media.findings else None,
        "begun_at_ms": media.begun_at_ms,
        "part_bytes": media.part_bytes,
        "handle": media.handle,
        "failure": media.failure,
        "completed_at_ms": media.completed_at_ms,
        "attempts": media.attempts,
        "emptied": media.emptied,
    }


def media_of(
    media_id: str, owner_id: str, request_id: str, state: int, due_at_ms: int, revision: int, document: Document
) -> Media:
    """The media of a document and the fields by which it was found."""
    findings = document["findings"]
    return Media(
        media_id,
        UserId(owner_id),
        request_id,
        claim_of(document["claim"]),
        MediaState(state),
        document["begun_at_ms"],
        due_at_ms,
        part_bytes=document["part_bytes"],
        handle=document["handle"],
        findings=findings_of(findings) if findings else None,
        failure=document["failure"],
        completed_at_ms=document["completed_at_ms"],
        attempts=document["attempts"],
        emptied=document["emptied"],
        revision=revision,
    )


def claim_document(claim: Claim) -> Document:
    """What the uploader said."""
    return {
        "purpose": int(claim.purpose),
        "size_bytes": claim.size_bytes,
        "sha256": claim.sha256.hex(),
        "content_type": claim.content_type,
        "file_name": claim.file_name,
        "duration_ms": claim.duration_ms,
        "waveform": claim.waveform.hex(),
    }


def claim_of(document: Document) -> Claim:
    """The same, back."""
    return Claim(
        Purpose(document["purpose"]),
        document["size_bytes"],
        bytes.fromhex(document["sha256"]),
        document["content_type"],
        document["file_name"],
        document["duration_ms"],
        bytes.fromhex(document["waveform"]),
    )


def findings_document(findings: Findings) -> Document:
    """What was found."""
    return {
        "kind": int(findings.kind),
        "content_type": findings.content_type,
        "size_bytes": findings.size_bytes,
        "sha256": findings.sha256.hex(),
        "content": findings.content,
        "width": findings.width,
        "height": findings.height,
        "duration_ms": findings.duration_ms,
        "waveform": findings.waveform.hex(),
        "thumbnails": [
            [int(one.size), one.width, one.height, one.size_bytes, one.content_type] for one in findings.thumbnails
        ],
        "blur_hash": findings.blur_hash,
    }


def findings_of(document: Document) -> Findings:
    """The same, back."""
    thumbnails = tuple(Thumbnail(ThumbnailSize(size), *rest) for size, *rest in document["thumbnails"])
    return Findings(
        MediaKind(document["kind"]),
        document["content_type"],
        document["size_bytes"],
        bytes.fromhex(document["sha256"]),
        document["content"],
        document["width"],
        document["height"],
        document["duration_ms"],
        bytes.fromhex(document["waveform"]),
        thumbnails,
        document["blur_hash"],
    )
