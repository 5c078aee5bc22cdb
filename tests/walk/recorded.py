"""Small files of each kind, as people send them."""

import tempfile
from functools import cache
from pathlib import Path

from tests import files


def small(kind: str, seed: int) -> tuple[str, bytes]:
    """Name and content of an image, a sound, a voice message as phones send it, or a video. Images differ by seed."""
    if kind == "image":
        return "sea.jpg", files.picture(16, 16, seed=seed)
    return _recorded(kind)


@cache
def _recorded(kind: str) -> tuple[str, bytes]:
    if kind == "sound":
        return "sea.wav", files.sound(0.2)
    with tempfile.TemporaryDirectory() as folder:
        if kind == "voice":
            return "sea.ogg", files.voice(Path(folder), 0.2)
        return "sea.mp4", files.video(Path(folder), 0.3)
