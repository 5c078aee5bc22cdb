"""What a file is by its first bytes, whatever its name says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import puremagic

from svc_message.domain.media.types import ANY, OLE, TEXT, ZIP
from svc_message.infrastructure.examiner.refusal import wrong_type

HEAD: Final = 64 * 1024
"""Bytes that are looked at."""

MACHO: Final = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
PROGRAMS: Final = (b"MZ", b"\x7fELF", *MACHO, b"#!", b"\x00asm", b"dex\n")
"""How programs begin, of any system. They are not taken: not alone."""

STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", TEXT),
)

RIFF: Final = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}
MARKUP: Final = re.compile(rb"\s*(?:<!--.*?-->\s*)*<[!?a-zA-Z]", re.DOTALL)
"""A text that a browser could take for a page: it begins with a tag."""


def type_of(file: Path) -> str:
    """The type of a file by its first bytes; raises RefusedError for programs and for markup (HTML, SVG, XML)."""
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    if head.startswith(PROGRAMS):
        raise wrong_type("programs are not taken; put them into an archive")
    tests: tuple[Callable[[bytes], str], ...] = (_start, _box, _riff, _frames, _text)
    return next((found for test in tests if (found := test(head))), "") or _other(head)


def _start(head: bytes) -> str:
    return next((name for start, name in STARTS if head.startswith(start)), "")


def _box(head: bytes) -> str:
    """The containers of MP4 and its kin: the size of a box, then its name, then which of them it is."""
    if head[4:8] != b"ftyp":
        return "video/quicktime" if head[4:8] in (b"moov", b"mdat", b"wide", b"free") else ""
    brand = head[8:12]
    if brand in (b"avif", b"avis") or (brand == b"mif1" and b"avif" in _compatible(head)):
        return "image/avif"
    if brand in (b"heic", b"heix", b"heim", b"heis", b"heif", b"mif1"):
        return "image/heic"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _compatible(head: bytes) -> list[bytes]:
    """The other brands that a container says it is of."""
    end = min(int.from_bytes(head[:4]), len(head))
    return [head[start : start + 4] for start in range(16, end, 4)]


def _riff(head: bytes) -> str:
    return RIFF.get(head[8:12], "") if head[:4] == b"RIFF" else ""


def _frames(head: bytes) -> str:
    """Sound that begins with a frame of itself: MP3 and AAC."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - the mark of a frame
        return ""
    layer = head[1] & 0x06
    return "audio/mpeg" if layer else ("audio/aac" if head[1] & 0xF0 == 0xF0 else "")  # noqa: PLR2004 - as above


def _text(head: bytes) -> str:
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):  # noqa: PLR2004 - the control characters
        return ""
    try:
        head[:-4].decode()  # the last character may be cut
    except UnicodeDecodeError:
        return ""
    if MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise wrong_type("pages and drawings in markup (HTML, SVG, XML) are not taken; put them into an archive")
    return TEXT


def _other(head: bytes) -> str:
    """What only the long list of known beginnings tells; what it says of programs and pages is heeded too."""
    if head[257:262] == b"ustar":
        return "application/x-tar"
    try:
        named = {match.mime_type for match in puremagic.magic_string(head)}
    except (puremagic.PureError, ValueError):
        return ANY
    if any("html" in name or "svg" in name or "javascript" in name for name in named):
        raise wrong_type("pages and drawings in markup are not taken; put them into an archive")
    return ANY
