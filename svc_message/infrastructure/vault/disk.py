"""`svc_message.domain.media.ports.Vault` in a folder, which the nodes of a mesh may share.

`<folder>/<two last characters of the id>/<id>/`: `part-00001`, …, then `upload`, `content`, `small`, …
What is under a name is whole: it is written beside it, forced to the disk, and renamed. A part is as long as what has
come of it: the lengths of the files say how far an upload is, and nothing else has to be kept.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from mesh import errors
from mesh.clock import Clock
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import UPLOAD, Media
from svc_message.domain.media.ports import Attachment, Part, Target
from svc_message.domain.reasons import Reason

T = TypeVar("T")

THREADS: Final = 4
"""Reads and writes at a time; more wait."""

PIECE: Final = 64 * 1024
"""Bytes that are read at a time."""

HANDLE: Final = "disk"


class DiskVault:
    """Files below one folder. All that touches the disk runs in threads of its own."""

    addressed = False

    def __init__(self, folder: Path, threads: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._threads = threads

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: str, _: Clock) -> AsyncIterator["DiskVault"]:
        """Use a folder; it is made with the first upload."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="media-disk") as threads:
            yield cls(Path(folder), threads)

    async def begin(self, media_id: str) -> str:
        """See the port."""
        await self._run(partial(self._home(media_id).mkdir, parents=True, exist_ok=True, mode=0o700))
        return HANDLE

    async def parts(self, media: Media) -> list[Part]:
        """See the port."""
        return await self._run(partial(_parts, self._home(media.media_id)))

    async def put(self, media: Media, number: int, offset: int, data: bytes) -> int:
        """See the port."""
        path = _part(self._home(media.media_id), number)
        return await self._run(partial(_put, path, media.part_size(number), offset, data))

    async def targets(self, media: Media, numbers: Sequence[int], now_ms: int) -> list[Target]:  # noqa: ARG002 - there are none
        """See the port: parts have no addresses."""
        return []

    async def join(self, media: Media) -> None:
        """See the port."""
        await self._run(partial(_join, self._home(media.media_id), media))

    @asynccontextmanager
    async def at_hand(self, media_id: str, name: str) -> AsyncIterator[Path]:
        """See the port: it is here already."""
        yield self._home(media_id) / name

    async def keep(self, media_id: str, name: str, file: Path) -> None:
        """See the port."""
        await self._run(partial(_keep, self._home(media_id) / name, file))

    async def read(self, media_id: str, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """See the port."""
        path = self._home(media_id) / name
        while length > 0:
            piece = await self._run(partial(_read, path, offset, min(length, PIECE)))
            if not piece:
                return
            yield piece
            offset, length = offset + len(piece), length - len(piece)

    async def address(self, media_id: str, name: str, served: Attachment) -> str:  # noqa: ARG002 - there is none
        """See the port: bytes have no addresses."""
        return ""

    async def drop(self, media_id: str, *names: str) -> None:
        """See the port."""
        await self._run(partial(_drop, self._home(media_id), names))

    def _home(self, media_id: str) -> Path:
        return self._folder / media_id[-2:] / media_id

    async def _run(self, work: Callable[[], T]) -> T:
        """Touch the disk in a thread; its errors say nothing of where."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            message = "the media cannot be read or kept now; try again"
            raise errors.unavailable(Reason.STORE_UNAVAILABLE, message, retry_after=1.0) from error


def _part(home: Path, number: int) -> Path:
    return home / f"part-{number:05}"


def _parts(home: Path) -> list[Part]:
    found = sorted(home.glob("part-*")) if home.exists() else []
    stats = [(int(path.name[-5:]), path.stat()) for path in found]
    return [Part(number, stat.st_size, stat.st_mtime_ns // 1_000_000) for number, stat in stats]


def _put(path: Path, size: int, offset: int, data: bytes) -> int:
    """Two nodes may be told the same at once: the lock makes one of them see what the other has written."""
    if offset + len(data) > size:
        raise media_rules.part_conflict("the piece is longer than what is left of this part")
    if not path.parent.exists():
        raise media_rules.unknown_upload()
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        there = file.seek(0, os.SEEK_END)
        if offset + len(data) <= there:
            return _compare(file.fileno(), there, offset, data)
        if offset != there:
            raise media_rules.part_conflict(f"{there} bytes of this part are there: go on from there")
        file.write(data)
    return there + len(data)


def _compare(descriptor: int, there: int, offset: int, data: bytes) -> int:
    if os.pread(descriptor, len(data), offset) != data:
        raise media_rules.part_conflict("other bytes are there already")
    return there


def _join(home: Path, media: Media) -> None:
    """Parts are looked at before the upload: another node that joins them takes them away only when that is there."""
    paths = [_part(home, number) for number in range(1, media.part_count + 1)]
    sizes = [part.size_bytes for part in _parts(home)]
    if not (home / UPLOAD).exists():
        if sizes != [media.part_size(number) for number in range(1, media.part_count + 1)]:
            raise media_rules.incomplete()
        with _written(home / UPLOAD) as whole:
            for path in paths:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, whole, 1024 * 1024)
    for path in paths:
        path.unlink(missing_ok=True)


def _keep(path: Path, file: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("rb") as source, _written(path) as target:
        shutil.copyfileobj(source, target, 1024 * 1024)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is whole and on the disk; two that write it at once do not meet."""
    writing = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    try:
        with writing.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        writing.rename(path)
    finally:
        writing.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            return os.pread(file.fileno(), length, offset)
    except FileNotFoundError:
        raise media_rules.unknown_media() from None


def _drop(home: Path, names: Sequence[str]) -> None:
    if not names:
        shutil.rmtree(home, ignore_errors=True)
    for name in names:
        (home / name).unlink(missing_ok=True)
