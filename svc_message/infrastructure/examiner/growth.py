"""How much comes out of an archive when all of it is unpacked, those in it too: what would fill a disk is refused.

Zip, tar and gzip are looked into, in each other as well; 7z and rar say in their tables how large what they hold is
(`tables`). What cannot be looked into, since it is encrypted, broken or of another kind, is taken as it is.
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from svc_message.infrastructure.examiner import tables
from svc_message.infrastructure.examiner.refusal import RefusedError, wrong_type

MAX_FILES: Final = 50_000
"""In all archives together."""

MAX_RATIO: Final = 200
"""How many times larger the contents may be than the file, once they are larger than `FREE`."""

FREE: Final = 256 * 1024 * 1024
MAX_INFLATED: Final = 4 * 1024**3
"""Bytes that are unpacked to see what comes: about ten seconds of a process."""

MAX_DEPTH: Final = 5
"""Archives in each other; a document in a zip in a tar.gz are four."""

IN_MEMORY: Final = 16 * 1024 * 1024
"""Bytes of an archive in another one that are kept in memory; more of it goes to the disk for the while."""

HEAD: Final = 512
PIECE: Final = 1024 * 1024
ENCRYPTED: Final = 1
"""The flag of a file in a zip that takes a password."""

Broken: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""What the libraries raise for archives that are not whole, or packed in a way that they do not know."""


def refuse_bombs(file: Path) -> None:
    """Look into an archive as far as it can be read. Raises RefusedError for one that would grow beyond measure."""
    with file.open("rb") as opened, suppress(*Broken):
        _into(opened, Room(file.stat().st_size), 1)


def bomb() -> RefusedError:
    """The archive is made to fill disks."""
    return wrong_type("the archive would grow beyond measure when it is unpacked")


class Room:
    """What may still come out of one upload."""

    def __init__(self, size: int) -> None:
        self._bytes = max(FREE, size * MAX_RATIO)
        self._files = MAX_FILES
        self._inflated = MAX_INFLATED

    def take(self, size: int, files: int = 0) -> None:
        """So much stands in a table, or came out. Raises RefusedError when there is no room for it."""
        self._bytes -= size
        self._files -= files
        if min(self._bytes, self._files) < 0:
            raise bomb()

    def inflate(self, size: int) -> None:
        """So much was unpacked."""
        self._inflated -= size
        if self._inflated < 0:
            raise bomb()


class Counted(io.RawIOBase):
    """Bytes that come out of something packed, counted as they come."""

    def __init__(self, packed: gzip.GzipFile, room: Room) -> None:
        self._packed = packed
        self._room = room

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what `BufferedReader` gives
        """Read, and count."""
        data = self._packed.read(len(buffer))
        self._room.inflate(len(data))
        self._room.take(len(data))
        buffer[: len(data)] = data
        return len(data)


def _into(opened: IO[bytes], room: Room, depth: int) -> None:
    """Look into what may be an archive, from its beginning."""
    head = opened.read(HEAD)
    opened.seek(0)
    look = _look_for(head)
    if look is None:
        return
    if depth > MAX_DEPTH:
        raise bomb()
    look(opened, room, depth)


def _zip(opened: IO[bytes], room: Room, depth: int) -> None:
    with zipfile.ZipFile(opened) as archive:
        entries = archive.infolist()
        room.take(sum(entry.file_size for entry in entries), len(entries))
        for entry in entries:
            if not entry.is_dir() and not entry.flag_bits & ENCRYPTED:
                with suppress(*Broken), archive.open(entry) as part:
                    _nested(part, room, depth)


def _tar(opened: IO[bytes], room: Room, depth: int) -> None:
    """Files are as large as their places in the archive, but those with holes, which may be of any size."""
    with tarfile.open(fileobj=opened, mode="r|") as archive:
        for member in archive:
            sparse = member.issparse()
            room.take(member.size if sparse else 0, 1)
            if member.isreg() and not sparse and (part := archive.extractfile(member)):
                with suppress(*Broken):
                    _nested(part, room, depth)


def _gzip(opened: IO[bytes], room: Room, depth: int) -> None:
    with gzip.GzipFile(fileobj=opened, mode="rb") as packed, io.BufferedReader(Counted(packed, room), PIECE) as content:
        head = content.peek(HEAD)[:HEAD]
        if _is_tar(head):
            _deeper(content, room, depth)
        elif _look_for(head):
            _nested(content, room, depth)
        while content.read(PIECE):
            pass


def _deeper(content: IO[bytes], room: Room, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise bomb()
    _tar(content, room, depth + 1)


def _nested(part: IO[bytes], room: Room, depth: int) -> None:
    """What stands in an archive, if it is one itself. Its bytes were counted where it stands."""
    head = part.read(HEAD)
    if _look_for(head) is None:
        return
    with SpooledTemporaryFile(IN_MEMORY) as copy:
        copy.write(head)
        while piece := part.read(PIECE):
            room.inflate(len(piece))
            copy.write(piece)
        copy.seek(0)
        with suppress(*Broken):  # whether what is in it can be read is not asked
            _into(copy, room, depth + 1)


def _seven_zip(opened: IO[bytes], room: Room, _: int) -> None:
    room.take(tables.size_of_seven_zip(opened))


def _rar(opened: IO[bytes], room: Room, _: int) -> None:
    room.take(tables.size_of_rar(opened))


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


Look = Callable[[IO[bytes], Room, int], None]

_LOOKS: Final[Mapping[bytes, Look]] = {
    b"PK\x03\x04": _zip,
    b"PK\x05\x06": _zip,
    b"\x1f\x8b": _gzip,
    tables.SEVEN_ZIP: _seven_zip,
    tables.RAR: _rar,
}


def _look_for(head: bytes) -> Look | None:
    """How to look into what begins so; None for what is no archive."""
    if _is_tar(head):
        return _tar
    return next((look for start, look in _LOOKS.items() if head.startswith(start)), None)
