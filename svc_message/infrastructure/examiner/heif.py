"""HEIF for Pillow, which does not read it itself: HEVC pictures in the boxes that phones put them into."""

from contextlib import suppress
from functools import cache


@cache
def register() -> None:
    """Have Pillow open HEIF: the picture alone, without depth, thumbnails and the like, in one thread.

    An installation may do without the library; its pictures are refused then.
    """
    with suppress(ImportError):
        import pi_heif  # noqa: PLC0415 - only what looks into pictures loads it, and it may be left out

        pi_heif.register_heif_opener(thumbnails=False, aux_images=False, depth_images=False, decode_threads=1)
