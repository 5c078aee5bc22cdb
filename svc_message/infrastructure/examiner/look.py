"""What is done with a file: a first look that judges it, and then all that is made of it."""

import hashlib
from dataclasses import replace
from pathlib import Path

from svc_message.domain.media import types as media_types
from svc_message.domain.media.file import CONTENT, Claim, Findings, MediaKind, Purpose
from svc_message.domain.reasons import Reason
from svc_message.infrastructure.examiner import archives, growth, pictures, sniff
from svc_message.infrastructure.examiner.blur import blur_hash
from svc_message.infrastructure.examiner.containers import READERS
from svc_message.infrastructure.examiner.refusal import RefusedError, wrong_type


def inspect(file: Path, claim: Claim) -> Findings:
    """See whether a file is what its uploader says. Raises RefusedError."""
    size, digest = file.stat().st_size, _sha256(file)
    if size != claim.size_bytes:
        raise RefusedError(Reason.MEDIA_SIZE_MISMATCH, "the file has another size than was declared")
    if digest != claim.sha256:
        raise RefusedError(Reason.MEDIA_HASH_MISMATCH, "the file has another hash than was declared")
    start = Findings(MediaKind.FILE, sniff.type_of(file), size, digest)
    found = _measured(file, start, claim)
    agreed = media_types.agreed(claim.content_type, found.content_type)
    if agreed is None or not media_types.taken(agreed, claim.purpose):
        raise wrong_type("the bytes are not of the declared type, or of one that is not taken")
    return replace(found, content_type=agreed, kind=media_types.kind_of(agreed))


def make(file: Path, claim: Claim, findings: Findings, folder: Path) -> Findings:
    """Make what is fetched, into a folder; what is there then is to be kept. Raises RefusedError."""
    if claim.purpose is Purpose.AVATAR:
        content_type, width, height = pictures.avatar(file, findings.content_type, folder / CONTENT)
        drawn = replace(findings, content_type=content_type, width=width, height=height)
        return _with_thumbnails(_with_content(drawn, folder / CONTENT), folder / CONTENT, folder)
    if findings.kind is MediaKind.IMAGE:
        content_type = pictures.redraw(file, findings.content_type, folder / CONTENT)
        drawn = replace(findings, content_type=content_type)
        return _with_thumbnails(_with_content(drawn, folder / CONTENT), folder / CONTENT, folder)
    if findings.kind is MediaKind.VIDEO:
        return _video(file, findings, folder)
    if findings.kind is MediaKind.AUDIO:
        return _audio(file, claim, findings)
    return findings


def _measured(file: Path, found: Findings, claim: Claim) -> Findings:
    """What the libraries say that know the type; they have the last word on what it is."""
    if found.content_type in media_types.ARCHIVES:
        is_zip = found.content_type == media_types.ZIP
        content_type = archives.type_of(file) if is_zip else found.content_type
        growth.refuse_bombs(file)
        return replace(found, content_type=content_type)
    if found.content_type in pictures.FORMATS:
        picture = pictures.measure(file, found.content_type)
        return replace(found, width=picture.width, height=picture.height)
    if found.content_type in READERS:
        return _measured_film(file, found, claim)
    return found


def _measured_film(file: Path, found: Findings, claim: Claim) -> Findings:
    from svc_message.infrastructure.examiner import films  # noqa: PLC0415 - most files are none, and it loads FFmpeg

    film = films.measure(file, found.content_type)
    duration = film.duration_ms or claim.duration_ms
    return replace(found, content_type=film.content_type, width=film.width, height=film.height, duration_ms=duration)


def _audio(file: Path, claim: Claim, findings: Findings) -> Findings:
    from svc_message.infrastructure.examiner import films  # noqa: PLC0415 - most files are none, and it loads FFmpeg

    return replace(findings, waveform=films.loudness(file, findings.content_type) or claim.waveform)


def _video(file: Path, findings: Findings, folder: Path) -> Findings:
    from svc_message.infrastructure.examiner import films  # noqa: PLC0415 - most files are none, and it loads FFmpeg

    if films.tells_a_place(file, findings.content_type):
        films.without_notes(file, findings.content_type, folder / CONTENT)
        findings = _with_content(findings, folder / CONTENT)
    poster = films.poster(file, findings.content_type)
    if poster is None:
        return findings
    made, small = pictures.smaller(poster, folder)
    return replace(findings, thumbnails=tuple(made), blur_hash=blur_hash(small))


def _with_content(findings: Findings, content: Path) -> Findings:
    """The findings of bytes that were made here in place of the uploaded ones."""
    return replace(findings, content=CONTENT, size_bytes=content.stat().st_size, sha256=_sha256(content))


def _with_thumbnails(findings: Findings, picture: Path, folder: Path) -> Findings:
    made, small = pictures.thumbnails(picture, findings.content_type, folder)
    return replace(findings, thumbnails=tuple(made), blur_hash=blur_hash(small))


def _sha256(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
