"""What is uploaded: a file, or bytes that are at hand."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ANY: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Source:
    """A file or bytes, with size and hash. It must not change while it is uploaded; the hash shows if it does."""

    size: int
    sha256: bytes
    name: str
    content_type: str
    _path: Path | None
    _data: bytes

    @classmethod
    async def of(cls, source: Path | bytes, name: str, content_type: str) -> Source:
        """Look at what is to be uploaded; type and name are those of the file unless they are given."""
        if isinstance(source, bytes):
            digest = hashlib.sha256(source).digest()
            return cls(len(source), digest, name, content_type or _guess(name), None, source)
        size, digest = await asyncio.to_thread(_look, source)
        return cls(size, digest, name or source.name, content_type or _guess(name or source.name), source, b"")

    async def read(self, offset: int, length: int) -> bytes:
        """Return a piece."""
        if self._path is None:
            return self._data[offset : offset + length]
        return await asyncio.to_thread(_read, self._path, offset, length)


def _guess(name: str) -> str:
    """What a name says of pictures, video and sound; what other files are is left to the server, which looks."""
    guessed = mimetypes.guess_type(name)[0] or ANY
    return guessed if guessed.partition("/")[0] in {"image", "video", "audio"} else ANY


def _look(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").digest()


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
