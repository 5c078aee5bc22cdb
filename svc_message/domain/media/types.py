"""Which types of files are taken, and when what the uploader says agrees with what the bytes are."""

from typing import Final

from svc_message.domain.media.file import MediaKind, Purpose

ANY: Final = "application/octet-stream"
"""What an uploader says who does not know; and what is found in bytes that nobody knows."""

TEXT: Final = "text/plain"
ZIP: Final = "application/zip"
OLE: Final = "application/x-ole-storage"
"""The container of the older office documents."""

ARCHIVES: Final = frozenset(
    {ZIP, "application/gzip", "application/x-tar", "application/x-7z-compressed", "application/vnd.rar"}
)
"""What holds other files."""

HEIC: Final = frozenset({"image/heic", "image/heif"})
AVATARS: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"}) | HEIC

FAMILIES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"image/jpeg"}),
    frozenset({"image/png"}),
    frozenset({"image/webp"}),
    frozenset({"image/gif"}),
    frozenset({"image/avif"}),
    HEIC,
    frozenset({"video/mp4", "video/quicktime", "audio/mp4"}),
    frozenset({"video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska"}),
    frozenset({"video/ogg", "audio/ogg", "application/ogg"}),
    frozenset({"audio/mpeg"}),
    frozenset({"audio/aac"}),
    frozenset({"audio/wav"}),
    frozenset({"audio/flac"}),
    frozenset({"application/pdf"}),
    frozenset({"application/gzip"}),
    frozenset({"application/x-7z-compressed"}),
    frozenset({"application/vnd.rar"}),
    frozenset({"application/x-tar"}),
    frozenset({OLE, "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"}),
    frozenset(
        {
            ZIP,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
            "application/epub+zip",
        }
    ),
    frozenset(
        {TEXT, "text/csv", "text/markdown", "text/calendar", "text/vcard", "application/json", "application/rtf"}
    ),
    frozenset({ANY}),
)
"""Types whose bytes begin alike; within one the uploader's word may be the finer one."""

OTHER_NAMES: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-aac": "audio/aac",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "application/x-gzip": "application/gzip",
    "application/x-zip-compressed": ZIP,
    "application/x-rar-compressed": "application/vnd.rar",
    "application/vnd.rar-compressed": "application/vnd.rar",
    "text/x-vcard": "text/vcard",
    "text/rtf": "application/rtf",
}

_FAMILY: Final = {name: family for family in FAMILIES for name in family}


def usual(content_type: str) -> str:
    """The one name of a type that has several."""
    return OTHER_NAMES.get(content_type, content_type)


def taken(content_type: str, purpose: Purpose) -> bool:
    """Whether files that are said to be of this type are taken at all."""
    name = usual(content_type)
    return name in AVATARS if purpose is Purpose.AVATAR else name in _FAMILY


def agreed(said: str, found: str) -> str | None:
    """What a file is by the uploader's word and by its bytes together; None when they do not agree.

    What is moved pictures or sound is told from the bytes alone: recorders call both by one name.
    """
    name = usual(said)
    if found not in _FAMILY:
        return None
    if name == ANY:
        return found
    if found not in _FAMILY.get(name, ()):
        return None
    return found if kind_of(found) is not MediaKind.FILE else name


def kind_of(content_type: str) -> MediaKind:
    """What a media of this type is."""
    main = content_type.partition("/")[0]
    kinds = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}
    return kinds.get(main, MediaKind.FILE)
