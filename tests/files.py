"""Files of all kinds, made here: small, real, and, where a test wants it, hostile."""

import io
import struct
import wave
import zipfile
import zlib
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
