"""Pictures, by Pillow: how large they are, drawn anew without what stands beside them, and smaller ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from svc_message.domain.media.file import LONGER_SIDE, Thumbnail, ThumbnailSize
from svc_message.infrastructure.examiner import heif
from svc_message.infrastructure.examiner.refusal import damaged, too_many_pixels

FORMATS: Final = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
}

MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 30_000
MAX_FRAMES: Final = 1_000
MAX_MOVING: Final = 400_000_000
"""Pixels of all frames of a moving picture together."""

MAX_PROFILE: Final = 64 * 1024
"""Bytes of a colour profile that is kept."""

KEPT: Final = ("transparency", "duration", "loop", "background", "blend", "disposal")
"""What of a picture's notes belongs to how it looks. All else goes: place, time, device, comments, other programs."""

DRAWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "image/jpeg": {"quality": 92, "optimize": True},
    "image/png": {"compress_level": 4},
    "image/webp": {"quality": 90, "method": 1},
    "image/avif": {"quality": 80, "speed": 9},
}
"""How each format is drawn: quickly, for the largest pictures must be done within the time of a job."""

Broken: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
)
"""What Pillow, and the library for HEIF, raise for files that are not whole."""

STILL: Final = frozenset({"JPEG", "MPO", "HEIF"})
"""Formats that do not move: phones put depth, a burst and the like behind the picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How large a picture is, upright, and how many frames it has."""

    width: int
    height: int
    frames: int


def measure(file: Path, content_type: str) -> Picture:
    """See that a picture is whole, and how large it is. Raises RefusedError."""
    with _opened(file, content_type) as image:
        frames = _count(image)
        pixels = image.width * image.height
        if frames > MAX_FRAMES or (frames > 1 and pixels * frames > MAX_MOVING):
            raise too_many_pixels()
        try:
            image.load()
            upright = ImageOps.exif_transpose(image) if frames == 1 else image
        except Broken:
            raise damaged() from None
        return Picture(upright.width, upright.height, frames)


def redraw(file: Path, content_type: str, into: Path) -> str:
    """Draw a picture anew: upright, all its frames, and nothing else of what is in the file; return its type then.

    That is its own, but for HEIF: few but phones of one make can show that. Raises RefusedError.
    """
    with _opened(file, content_type) as image:
        try:
            if _count(image) > 1:
                _redraw_moving(image, content_type, into)
            else:
                content_type = _shown_everywhere(image, content_type)
                _redraw_still(image, content_type, into)
        except Broken:
            raise damaged() from None
    return content_type


def avatar(file: Path, content_type: str, into: Path) -> tuple[str, int, int]:
    """Draw a still picture of at most 1,280 pixels; return its type and size. Raises RefusedError."""
    with _opened(file, content_type) as image:
        return draw(first(image), LONGER_SIDE[ThumbnailSize.LARGE], into)


def thumbnails(file: Path, content_type: str, folder: Path) -> tuple[list[Thumbnail], Image.Image]:
    """Draw the smaller pictures of a picture. Raises RefusedError."""
    with _opened(file, content_type) as image:
        return smaller(first(image), folder)


def smaller(image: Image.Image, folder: Path) -> tuple[list[Thumbnail], Image.Image]:
    """Draw the smaller ones of an upright picture into a folder; return them, and the picture made small."""
    made: list[Thumbnail] = []
    for size, side in sorted(LONGER_SIDE.items(), reverse=True):
        if side < max(image.size):
            image.thumbnail((side, side))
            content_type, width, height = draw(image, side, folder / size.name.lower())
            length = (folder / size.name.lower()).stat().st_size
            made.insert(0, Thumbnail(size, width, height, length, content_type))
    return made, image


def first(image: Image.Image) -> Image.Image:
    """The first frame, upright, in colours that every format can hold."""
    try:
        image.draft("RGB", (2 * LONGER_SIDE[ThumbnailSize.LARGE],) * 2)  # JPEG: read no more than is needed
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except Broken:
        raise damaged() from None


def draw(image: Image.Image, side: int, into: Path) -> tuple[str, int, int]:
    """Draw a picture with its longer side at most so long: as PNG if one can see through it, else as JPEG."""
    image = image.copy()
    image.thumbnail((side, side))
    image.info = {}
    if image.mode == "RGBA":
        image.save(into, "PNG", optimize=True)
        return "image/png", image.width, image.height
    image.save(into, "JPEG", quality=82, optimize=True)
    return "image/jpeg", image.width, image.height


def _opened(file: Path, content_type: str) -> Image.Image:
    """Read the head of a picture. What would take too much memory is refused before its pixels are read."""
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, below, and has its own reason
    heif.register()
    try:
        image = Image.open(file, formats=(FORMATS[content_type],))
    except (UnidentifiedImageError, Image.DecompressionBombError, *Broken):
        raise damaged() from None
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        image.close()
        raise too_many_pixels()
    return image


def _count(image: Image.Image) -> int:
    """Frames of a moving picture."""
    return 1 if image.format in STILL else int(getattr(image, "n_frames", 1))


def _shown_everywhere(image: Image.Image, content_type: str) -> str:
    if content_type != "image/heic":
        return content_type
    return "image/png" if image.has_transparency_data else "image/jpeg"


def _redraw_still(image: Image.Image, content_type: str, into: Path) -> None:
    upright, profile = ImageOps.exif_transpose(image), _profile(image)
    upright.info = _kept(image.info)
    upright.save(into, FORMATS[content_type], icc_profile=profile, **DRAWN.get(content_type, {}))


def _redraw_moving(image: Image.Image, content_type: str, into: Path) -> None:
    frames = _frames(image)
    start = next(frames)
    times = [int(frame.info.get("duration", 100)) for frame in ImageSequence.Iterator(image)]
    loop = image.info.get("loop")
    start.save(
        into,
        FORMATS[content_type],
        save_all=True,
        append_images=frames,
        duration=times,
        **({} if loop is None else {"loop": loop}),
        **DRAWN.get(content_type, {}),
    )


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    for number in range(_count(image)):
        image.seek(number)
        frame = image.copy()
        frame.info = {}
        yield frame


def _kept(info: Mapping[Any, Any]) -> dict[str | tuple[int, int], Any]:
    return {name: info[name] for name in KEPT if name in info}


def _profile(image: Image.Image) -> bytes | None:
    """Without it colours would look wrong; one that is larger than profiles are may carry anything."""
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE else None
