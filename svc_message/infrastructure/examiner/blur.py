"""A placeholder of a picture in about 30 characters, in the format of BlurHash: 4 by 3 waves of colour."""

from collections.abc import Sequence
from math import cos, pi
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

ACROSS: Final = 4
DOWN: Final = 3
SIDE: Final = 32
"""Pixels that are looked at: a placeholder shows no more."""

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"

Colour = tuple[float, float, float]


def blur_hash(picture: "Image.Image") -> str:
    """The placeholder of a picture."""
    small = picture.convert("RGB").resize((SIDE, SIDE))
    linear = [_linear(byte) for byte in small.tobytes()]
    waves = [_wave(linear, across, down) for down in range(DOWN) for across in range(ACROSS)]
    mean, rest = waves[0], waves[1:]
    most = max(abs(value) for wave in rest for value in wave)
    scale = max(0, min(82, int(most * 166 - 0.5)))
    text = _digits(ACROSS - 1 + (DOWN - 1) * 9, 1) + _digits(scale, 1)
    red, green, blue = (_encoded(value) for value in mean)
    return (
        text + _digits(red << 16 | green << 8 | blue, 4) + "".join(_wave_digits(one, (scale + 1) / 166) for one in rest)
    )


def _wave(linear: Sequence[float], across: int, down: int) -> Colour:
    columns = [cos(pi * across * (x + 0.5) / SIDE) for x in range(SIDE)]
    rows = [cos(pi * down * (y + 0.5) / SIDE) for y in range(SIDE)]
    weights = [row * column for row in rows for column in columns]
    scale = (1 if across == down == 0 else 2) / SIDE**2
    red, green, blue = (
        scale * sum(weight * value for weight, value in zip(weights, linear[part::3], strict=True)) for part in range(3)
    )
    return red, green, blue


def _wave_digits(wave: Colour, most: float) -> str:
    red, green, blue = (max(0, min(18, int(_root(value / most) * 9 + 9.5))) for value in wave)
    return _digits((red * 19 + green) * 19 + blue, 2)


def _root(value: float) -> float:
    return float(abs(value) ** 0.5) * (1 if value >= 0 else -1)


def _linear(byte: int) -> float:
    value = byte / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB


def _encoded(value: float) -> int:
    value = max(0.0, min(1.0, value))
    return int((value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055) * 255 + 0.5)  # noqa: PLR2004 - sRGB


def _digits(value: int, length: int) -> str:
    return "".join(DIGITS[value // 83**place % 83] for place in reversed(range(length)))
