"""Where a download arrives: beside its place, until it is whole."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from parley_sdk.errors import Code, ParleyError


class Landing:
    """A file that takes its name when all of it is there and right."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")

    async def there(self, most: int) -> int:
        """Return how much of it has come, from an earlier attempt too; a rest of something longer is thrown away."""
        return await asyncio.to_thread(self._there, most)

    async def add(self, piece: bytes) -> int:
        """Add a piece; return how much there is then."""
        return await asyncio.to_thread(self._add, piece)

    async def finish(self, sha256: bytes) -> None:
        """Give it its name. Raises ParleyError, DATA_LOSS, and begins anew next time, when it has another hash."""
        if await asyncio.to_thread(self._sha256) != sha256:
            self._part.unlink(missing_ok=True)
            raise ParleyError(Code.DATA_LOSS, "", "what was fetched is not the file; fetch it again")
        self._part.replace(self._path)

    def _there(self, most: int) -> int:
        size = self._part.stat().st_size if self._part.exists() else 0
        if size > most:
            self._part.unlink()
            return 0
        return size

    def _add(self, piece: bytes) -> int:
        with self._part.open("ab") as file:
            file.write(piece)
            return file.tell()

    def _sha256(self) -> bytes:
        with self._part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
