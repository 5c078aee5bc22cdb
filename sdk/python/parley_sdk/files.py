"""Messages with files: the body for a media, and the media of an entry."""

from __future__ import annotations

from typing import Final

from parley.media.v1 import media_pb2
from parley.message.v1 import body_pb2, entry_pb2

_HOUR_MS: Final = 3_600_000
_WORDS: Final = {
    media_pb2.MEDIA_KIND_IMAGE: "picture",
    media_pb2.MEDIA_KIND_VIDEO: "video",
    media_pb2.MEDIA_KIND_AUDIO: "recording",
}


def body_of(media: media_pb2.Media, caption: str = "", *, as_file: bool = False) -> body_pb2.Body:
    """Return the body of a message that shows a media: a picture, video, recording, or a file to save.

    `as_file` sends whatever it is to be saved. Old clients show its kind and name.
    """
    reference = body_pb2.MediaRef(
        media_id=media.media_id, name=media.file_name, size_bytes=media.size_bytes, media_type=media.content_type
    )
    body = body_pb2.Body(fallback_text=f"[{_WORDS.get(media.kind, 'file')}] {caption or media.file_name}".strip()[:512])
    if media.kind == media_pb2.MEDIA_KIND_IMAGE and not as_file:
        preview, size = media.blur_hash.encode(), {"width": media.width, "height": media.height}
        body.image.MergeFrom(body_pb2.Image(media=reference, preview=preview, caption=caption, **size))
    elif media.kind == media_pb2.MEDIA_KIND_VIDEO and not as_file:
        video = body_pb2.Video(media=reference, duration_ms=media.duration_ms, caption=caption)
        video.width, video.height = media.width, media.height
        body.video.MergeFrom(video)
    elif media.kind == media_pb2.MEDIA_KIND_AUDIO and media.duration_ms <= _HOUR_MS and not as_file:
        body.voice.MergeFrom(body_pb2.Voice(media=reference, duration_ms=media.duration_ms, waveform=media.waveform))
    else:
        body.file.MergeFrom(body_pb2.File(media=reference, caption=caption))
    return body


def media_of(entry: entry_pb2.Entry) -> body_pb2.MediaRef | None:
    """Return what a post or edit shows; None if it shows no file."""
    content = entry.content
    body = content.edit.body if content.HasField("edit") else content.post.body
    kind = body.WhichOneof("kind")
    if kind not in {"image", "file", "voice", "video", "sticker"}:
        return None
    media: body_pb2.MediaRef = getattr(body, kind).media
    return media if media.media_id else None
