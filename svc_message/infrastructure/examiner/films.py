"""Video and sound, by PyAV: how long they are, a picture of a video, how loud a recording is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer
from PIL import Image

from svc_message.infrastructure.examiner.containers import READERS
from svc_message.infrastructure.examiner.refusal import damaged, too_many_pixels, wrong_type

FAMILY: Final = {"mov": "mp4", "matroska": "webm", "ogg": "ogg"}
"""The containers that hold either: as `video/<name>` or `audio/<name>`."""

MAX_PIXELS: Final = 40_000_000
POSTER_PACKETS: Final = 600
"""Packets that are looked at for a picture."""

PACKETS: Final = 500_000
HEARD_S: Final = 600
"""Seconds of a recording that are listened to for its loudness; more has none."""

BARS: Final = 100
RATE: Final = 8_000
PLACES: Final = frozenset({"location", "location-eng", "com.apple.quicktime.location.iso6709", "xyz", "gps"})
"""Notes that say where a video was taken."""

Broken: Final = (av.error.FFmpegError, ValueError, OverflowError, IndexError, EOFError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Film:
    """What a container holds. Times are milliseconds; 0 for what it does not say."""

    content_type: str
    width: int
    height: int
    duration_ms: int


def measure(file: Path, content_type: str) -> Film:
    """See that a file can be played, what it is, and how long. Raises RefusedError."""
    with _opened(file, content_type) as container:
        moving = [one for one in container.streams.video if not one.disposition & av.stream.Disposition.attached_pic]
        if not moving and not container.streams.audio:
            raise wrong_type("the file holds neither pictures nor sound")
        width, height = (moving[0].codec_context.width, moving[0].codec_context.height) if moving else (0, 0)
        if width * height > MAX_PIXELS:
            raise too_many_pixels()
        kind = _named(content_type, moving=bool(moving))
        return Film(kind, width, height, _duration(container))


def poster(file: Path, content_type: str) -> Image.Image | None:
    """A picture of a video, from a second after its beginning if it is so long; None if there is none to be had."""
    for offset in (1_000_000, 0):
        try:
            with _opened(file, content_type) as container:
                if offset:
                    container.seek(offset)
                for frame in _frames(container):
                    return Image.frombytes("RGB", (frame.width, frame.height), _rgb(frame))
        except Broken:
            continue
    return None


def loudness(file: Path, content_type: str) -> bytes:
    """At most 100 values from 0 to 255 over the length of a recording; none if it is too long or cannot be heard."""
    peaks: list[int] = []
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    try:
        with _opened(file, content_type) as container:
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    samples = memoryview(bytes(part.planes[0])[: 2 * part.samples]).cast("h")
                    peaks += _peaks(samples)
                if len(peaks) > HEARD_S * 50:
                    return b""
    except Broken:
        return b""
    return _bars(peaks)


def tells_a_place(file: Path, content_type: str) -> bool:
    """Whether a video says where it was taken."""
    with _opened(file, content_type) as container:
        notes = [container.metadata, *(stream.metadata for stream in container.streams)]
        return any(name.lower() in PLACES or "location" in name.lower() for one in notes for name in one)


def without_notes(file: Path, content_type: str, into: Path) -> None:
    """Copy sound and pictures of a video, and none of its notes. Raises RefusedError."""
    kind = "mov" if content_type == "video/quicktime" else READERS[content_type].replace("mov", "mp4")
    with _opened(file, content_type) as source, av.open(str(into), "w", format=kind) as target:
        try:
            wanted = [*source.streams.video, *source.streams.audio]
            copies = {one.index: target.add_stream_from_template(one) for one in wanted}
            for packet in source.demux(wanted):
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    target.mux(packet)
        except Broken:
            raise damaged() from None


@contextmanager
def _opened(file: Path, content_type: str) -> Iterator[InputContainer]:
    try:
        container = av.open(str(file), format=READERS[content_type], metadata_errors="replace")
    except Broken:
        raise damaged() from None
    with container:
        yield container


def _named(content_type: str, *, moving: bool) -> str:
    """Which of its family a file is, now that it is known what is in it."""
    family = FAMILY.get(READERS[content_type])
    if family is None:
        return content_type
    if moving and content_type.startswith("video/"):
        return content_type
    return f"{'video' if moving else 'audio'}/{family}"


def _duration(container: InputContainer) -> int:
    """What the file says, and for what says nothing (recorders in browsers do not), where its last packet ends."""
    if container.duration:
        return max(0, container.duration // 1_000)
    last = 0.0
    try:
        for number, packet in enumerate(container.demux()):
            if packet.pts is not None and packet.time_base is not None:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if number > PACKETS:
                break
    except Broken:
        raise damaged() from None
    return int(last * 1_000)


def _frames(container: InputContainer) -> Iterator[av.VideoFrame]:
    for number, packet in enumerate(container.demux(video=0)):
        if number > POSTER_PACKETS:
            return
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame):
                yield frame


def _rgb(frame: av.VideoFrame) -> bytes:
    """The pixels of a frame, line after line: FFmpeg puts something between the lines."""
    plane = frame.reformat(format="rgb24").planes[0]
    raw, line, step = bytes(plane), 3 * frame.width, plane.line_size
    return b"".join(raw[start : start + line] for start in range(0, step * frame.height, step))


def _peaks(samples: memoryview) -> list[int]:
    """The loudest of each 20 milliseconds."""
    step = RATE // 50
    pieces = (samples[start : start + step] for start in range(0, len(samples), step))
    return [max(abs(max(piece)), abs(min(piece))) for piece in pieces]


def _bars(peaks: list[int]) -> bytes:
    if not peaks:
        return b""
    count = min(BARS, len(peaks))
    edges = [len(peaks) * number // count for number in range(count + 1)]
    bars = [max(peaks[start:end]) for start, end in pairwise(edges)]
    top = max(*bars, 1)
    return bytes(255 * bar // top for bar in bars)
