"""How large the tables of 7z and rar archives say that their contents are. Nothing is unpacked but such a table.

What is encrypted, or packed in a way that is not known here, counts as nothing.
"""

import io
import lzma
import struct
from collections.abc import Iterator
from typing import IO, Final

SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c"
RAR: Final = b"Rar!\x1a\x07"
MAX_TABLE: Final = 64 * 1024 * 1024
"""Bytes of a table; that of 50,000 files has a tenth of it."""

MAX_BLOCKS: Final = 100_000
MAX_STEPS: Final = 32
ALL: Final = 2**62
"""Larger than whatever is allowed."""

END, HEADER, PACKED, UNPACKED, SIZES, FOLDERS, UNPACKED_SIZES, PACKED_HEADER = 0, 1, 6, 7, 9, 11, 12, 23
MAIN_STREAMS, OTHER_STREAMS = 4, 3
LZMA: Final = b"\x03\x01\x01"


def size_of_seven_zip(opened: IO[bytes]) -> int:
    """Bytes that a 7z archive says it holds. Raises ValueError for one that is damaged."""
    offset, size = struct.unpack("<QQ", _exactly(opened, 28)[12:28])
    opened.seek(32 + offset)
    table = io.BytesIO(_table(opened, size))
    for _ in range(4):  # a table may be packed, and that one's table too
        kind = _byte(table)
        if kind == HEADER:
            return _content_size(table)
        if kind != PACKED_HEADER:
            return 0
        found = _unpacked_table(opened, _Streams(table))
        if found is None:
            return 0
        table = io.BytesIO(found)
    return ALL


def size_of_rar(opened: IO[bytes]) -> int:
    """Bytes that a rar archive says it holds. Raises ValueError for one that is damaged."""
    newer = _exactly(opened, 7)[6:] == b"\x01"
    if newer:
        opened.seek(8)
    return sum(_blocks_of_five(opened) if newer else _blocks_of_four(opened))


class _Streams:
    """The part of a 7z table that says what is packed how: where it begins, and how much comes out of each folder."""

    def __init__(self, table: IO[bytes]) -> None:
        self.start, self.packed = 0, list[int]()
        self.folders: list[_Folder] = []
        self.sizes: list[int] = []
        while (kind := _byte(table)) in (PACKED, UNPACKED):
            (self._read_packed if kind == PACKED else self._read_unpacked)(table)

    def _read_packed(self, table: IO[bytes]) -> None:
        self.start, count = _number(table), _few(_number(table))
        while (kind := _byte(table)) != END:
            if kind == SIZES:
                self.packed = [_number(table) for _ in range(count)]
            else:
                _pass_checksums(table, count)

    def _read_unpacked(self, table: IO[bytes]) -> None:
        if _byte(table) != FOLDERS:
            raise ValueError("no folders")
        count = _few(_number(table))
        if _byte(table):
            raise ValueError("the folders are elsewhere")
        self.folders = [_Folder(table) for _ in range(count)]
        if _byte(table) != UNPACKED_SIZES:
            raise ValueError("no sizes")
        self.sizes = [max(_number(table) for _ in range(folder.outs)) for folder in self.folders]
        while _byte(table) != END:
            _pass_checksums(table, count)


class _Folder:
    """What was packed together: the name and the properties of each step, and how many streams come out of all."""

    def __init__(self, table: IO[bytes]) -> None:
        self.steps: list[tuple[bytes, bytes]] = []
        ins = self.outs = 0
        for _ in range(_few(_number(table), MAX_STEPS)):
            flags = _byte(table)
            name = _exactly(table, flags & 0x0F)
            ins += _few(_number(table), MAX_STEPS) if flags & 0x10 else 1
            self.outs += _few(_number(table), MAX_STEPS) if flags & 0x10 else 1
            self.steps.append((name, _exactly(table, _few(_number(table), MAX_TABLE)) if flags & 0x20 else b""))
        if not self.outs:
            raise ValueError("a folder of nothing")
        inner = self.outs - 1
        left = ins - inner
        for _ in range(2 * inner + (left if left > 1 else 0)):
            _number(table)


def _pass_checksums(table: IO[bytes], count: int) -> None:
    """Pass over the checksums of so many things, of which not all need have one."""
    if not _byte(table):
        count = int.from_bytes(_exactly(table, (count + 7) // 8)).bit_count()
    _exactly(table, 4 * count)


def _content_size(table: IO[bytes]) -> int:
    kind = _byte(table)
    if kind == OTHER_STREAMS:
        _Streams(table)
        kind = _byte(table)
    return sum(_Streams(table).sizes) if kind == MAIN_STREAMS else 0


def _unpacked_table(opened: IO[bytes], streams: _Streams) -> bytes | None:
    """The table that is packed with one step of LZMA; None for any other way, such as with a password."""
    steps = [step for folder in streams.folders for step in folder.steps]
    if len(steps) != 1 or not streams.packed:
        return None
    name, properties = steps[0]
    if name != LZMA or len(properties) != 5:  # noqa: PLR2004 - a byte and a size
        return None
    opened.seek(32 + streams.start)
    packed = _table(opened, streams.packed[0])
    parts, dictionary = properties[0], int.from_bytes(properties[1:], "little")
    wanted = {"id": lzma.FILTER_LZMA1, "dict_size": min(max(dictionary, 4_096), MAX_TABLE)}
    wanted |= {"lc": parts % 9, "lp": parts // 9 % 5, "pb": parts // 45}
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[wanted])
    try:
        return unpacker.decompress(packed, min(streams.sizes[0], MAX_TABLE))
    except lzma.LZMAError as error:
        raise ValueError("the table cannot be unpacked") from error


def _blocks_of_five(opened: IO[bytes]) -> Iterator[int]:
    """What the files of a rar of version 5 say."""
    for _ in range(MAX_BLOCKS):
        if len(opened.read(4)) < 4:  # noqa: PLR2004 - a checksum
            return
        size = _varint(opened)
        header = io.BytesIO(_table(opened, size))
        kind, flags = _varint(header), _varint(header)
        if flags & 1:
            _varint(header)
        follows = _varint(header) if flags & 2 else 0
        if kind in (4, 5):  # encrypted from here on, or the end
            return
        if kind == 2:  # noqa: PLR2004 - a file
            unknown = _varint(header) & 8
            yield 0 if unknown else _varint(header)
        opened.seek(follows, io.SEEK_CUR)
    yield ALL


def _blocks_of_four(opened: IO[bytes]) -> Iterator[int]:
    """What the files of an older rar say."""
    for _ in range(MAX_BLOCKS):
        start = opened.read(7)
        if len(start) < 7:  # noqa: PLR2004 - the smallest block
            return
        kind, flags, size = start[2], *struct.unpack("<HH", start[3:7])
        if size < len(start):
            raise ValueError("a block of no size")
        header = _exactly(opened, size - 7)
        if kind == 0x73 and flags & 0x80:  # noqa: PLR2004 - encrypted from here on
            return
        follows = struct.unpack("<I", header[:4])[0] if flags & 0x8000 and len(header) >= 4 else 0  # noqa: PLR2004
        if kind == 0x74:  # noqa: PLR2004 - a file
            large = flags & 0x100
            high = struct.unpack("<II", header[25:33]) if large else (0, 0)
            follows += high[0] << 32
            yield struct.unpack("<I", header[4:8])[0] + (high[1] << 32)
        opened.seek(follows, io.SEEK_CUR)
    yield ALL


def _number(table: IO[bytes]) -> int:
    """A number of 7z: as many bytes follow the first one as that has leading ones, which hold the higher bits."""
    first = _byte(table)
    extra = next((count for count in range(8) if not first & 0x80 >> count), 8)
    low = int.from_bytes(_exactly(table, extra), "little")
    return low | (first & (0x7F >> extra)) << 8 * extra if extra < 8 else low  # noqa: PLR2004 - bits of a byte


def _varint(opened: IO[bytes]) -> int:
    """A number of rar: seven bits a byte, the lowest first."""
    value = 0
    for place in range(10):
        byte = _byte(opened)
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the last one
            return value
    raise ValueError("no number")


def _few(count: int, most: int = MAX_BLOCKS) -> int:
    if count > most:
        raise ValueError("more than there may be")
    return count


def _table(opened: IO[bytes], size: int) -> bytes:
    return _exactly(opened, _few(size, MAX_TABLE))


def _byte(opened: IO[bytes]) -> int:
    return _exactly(opened, 1)[0]


def _exactly(opened: IO[bytes], size: int) -> bytes:
    data = opened.read(size)
    if len(data) != size:
        raise ValueError("it ends too early")
    return data
