"""The manifests, and what holds them to their rules."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
OVERLAYS: Final = ("dev", "prod")
