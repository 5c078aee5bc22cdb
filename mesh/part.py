"""A part of a delivery. Pure Python."""

from typing import NamedTuple


class Part(NamedTuple):
    """A frame for devices, how many entries it carries, and the device that does not get it: it came from there."""

    frame: bytes
    entries: int
    except_device: str = ""
