"""Files of all kinds, made here: small, real, and, where a test wants it, hostile."""

import gzip
import io
import lzma
import struct
import tarfile
import wave
import zipfile
import zlib
from functools import cache
from math import pi, sin
from pathlib import Path
from typing import Any

import av
from PIL import Image


def picture(width: int = 640, height: int = 480, kind: str = "JPEG", seed: int = 0, **fields: Any) -> bytes:
    """A picture with some structure; another seed makes another one."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    image.paste((seed % 256, seed // 256 % 256, 90), (width // 4, height // 4, width // 2, height // 2))
    out = io.BytesIO()
    image.save(out, kind, **fields)
    return out.getvalue()


def located_picture() -> bytes:
    """A JPEG that lies on its side and says where it was taken, by what, and more."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Canary Cameras"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return picture(400, 300, exif=exif, comment=b"canary comment")


def moving_picture(frames: int = 3) -> bytes:
    """A GIF that moves."""
    images = [Image.new("RGB", (60, 40), (80 * number % 256, 0, 0)) for number in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=100, loop=0)
    return out.getvalue()


def sound(seconds: float = 1.0, rate: int = 8_000) -> bytes:
    """A recording that grows louder, as WAV."""
    count = int(seconds * rate)
    samples = [int(30_000 * number / count * sin(2 * pi * 440 * number / rate)) for number in range(count)]
    out = io.BytesIO()
    with wave.open(out, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(struct.pack(f"<{count}h", *samples))
    return out.getvalue()


def voice(folder: Path, seconds: float = 1.0) -> bytes:
    """The same as phones send it: Opus in Ogg."""
    source, path = folder / "sound.wav", folder / "voice.ogg"
    source.write_bytes(sound(seconds, 48_000))
    with av.open(str(source)) as read, av.open(str(path), "w", format="ogg") as written:
        stream = written.add_stream("libopus", rate=48_000)
        for frame in read.decode(audio=0):
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
    return path.read_bytes()


def video(folder: Path, seconds: float = 1.0, **notes: str) -> bytes:
    """A short MP4; notes such as `location` are written into it."""
    path = folder / "video.mp4"
    with av.open(str(path), "w", format="mp4", options={"movflags": "use_metadata_tags"}) as written:
        written.metadata.update(notes)
        stream = written.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(int(seconds * 10)):
            shade = Image.new("RGB", (320, 240), (number * 20 % 256, 80, 120))
            frame = av.VideoFrame(320, 240, "rgb24")
            frame.planes[0].update(shade.tobytes())
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
    return path.read_bytes()


def huge_png(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few bytes whose picture would take gigabytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0")) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def huge_gif(width: int = 6_000, height: int = 6_000, frames: int = 200) -> bytes:
    """A GIF of some kilobytes whose frames together would take gigabytes."""
    nothing = b"\x02\x02\x44\x01\x00"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + nothing
    colours = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + colours + frame * frames + b";"


def archive(**files: bytes) -> bytes:
    """A zip with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return out.getvalue()


def zip_bomb(names: int = 5_000, content: bytes = bytes(1024 * 1024), *, first: str = "zeros") -> bytes:
    """A zip of half a megabyte that says it holds 5 gigabytes: one file, and many names for it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr(first, content)
        [entry] = written.filelist
        for number in range(names):
            twin = zipfile.ZipInfo(f"zeros-{number}")
            twin.compress_type, twin.header_offset = entry.compress_type, entry.header_offset
            twin.file_size, twin.compress_size, twin.CRC = entry.file_size, entry.compress_size, entry.CRC
            written.filelist.append(twin)
    return out.getvalue()


@cache
def zeros(mebibytes: int) -> bytes:
    """A gzip of a thousandth of what comes out of it: zeros, 16 MiB at a time."""
    return gzip.compress(bytes(16 * 1024 * 1024)) * (mebibytes // 16)


def tar(**files: bytes) -> bytes:
    """A tar with these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as written:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            written.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def sparse_tar(gigabytes: int = 8) -> bytes:
    """A tar of a few blocks that holds one file with a hole of this size."""
    entry = tarfile.TarInfo("hole")
    entry.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(gigabytes * 1024**3)}
    return entry.tobuf(tarfile.PAX_FORMAT) + bytes(1_024)


def zips_in_zips(depth: int, width: int = 4, content: bytes = bytes(32 * 1024 * 1024)) -> bytes:
    """A zip of zips of zips: each level says little, and the last one is zeros."""
    inner = archive(zeros=content)
    for _ in range(depth):
        inner = archive(**{f"z{number}.zip": inner for number in range(width)})
    return inner


def seven_zip(content_size: int, *, packed: bool = True) -> bytes:
    """A 7z whose table says that so much comes out of it; the table itself is packed as 7-Zip does it, or not."""
    table = b"\x01\x04" + _seven_streams(0, 10, content_size) + b"\x00\x00"
    content, start = bytes(10), 10
    if packed:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 65_536, "lc": 3, "lp": 0, "pb": 2}]
        small = lzma.compress(table, lzma.FORMAT_RAW, filters=filters)
        content, start = content + small, 10 + len(small)
        table = b"\x17" + _seven_streams(10, len(small), len(table)) + b"\x00"
    where = struct.pack("<QQI", start, len(table), zlib.crc32(table))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(where)) + where + content + table


def _seven_streams(start: int, packed: int, unpacked: int) -> bytes:
    """One folder of LZMA with a checksum, as in the table of a 7z."""
    large = b"\xff" + struct.pack("<Q", unpacked)
    steps = b"\x01\x23\x03\x01\x01\x05\x5d" + struct.pack("<I", 65_536)
    packs = b"\x06" + bytes([start, 1, 9]) + b"\xff" + struct.pack("<Q", packed) + b"\x00"
    return packs + b"\x07\x0b\x01\x00" + steps + b"\x0c" + large + b"\x0a\x01" + bytes(4) + b"\x00"


def rar(*sizes: int) -> bytes:
    """A rar of version 5 with files that say they are so large."""
    blocks = [b"\x01\x00\x00"]
    blocks += [b"\x02\x02\x05\x00" + _seven_bits(size) + b"\x00" * 4 for size in sizes]
    return b"Rar!\x1a\x07\x01\x00" + b"".join(
        bytes(4) + _seven_bits(len(one)) + one + (b"12345" if one[0] == 2 else b"") for one in blocks
    )


def old_rar(*sizes: int) -> bytes:
    """A rar of version 4 with files that say they are so large."""
    main = b"\0\0\x73" + struct.pack("<HH", 0, 13) + bytes(6)
    made = b"Rar!\x1a\x07\x00" + main
    for size in sizes:
        fields = struct.pack("<IIBIIBBHIII", 5, size % 2**32, 0, 0, 0, 29, 48, 1, 0, 0, size >> 32) + b"x"
        made += b"\0\0\x74" + struct.pack("<HH", 0x8100, 7 + len(fields)) + fields + b"12345"
    return made


def _seven_bits(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
