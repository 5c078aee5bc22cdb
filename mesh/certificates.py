"""When the certificates end that a process was given for the parts behind it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mesh.telemetry import Telemetry


def show_certificates(telemetry: Telemetry, urls: Iterable[str]) -> None:
    """Show when the certificates end that the options of these URLs name: its own, and of whom it trusts."""
    for path in sorted({path for url in urls for path in _named(url)}):
        description = "when the first certificate of a file ends, Unix time"
        telemetry.show("certificate.expires", "s", description, partial(ends, path), file=str(path))


def ends(path: Path) -> float | None:
    """When the first certificate of a PEM file ends, Unix time in seconds; None when it holds none now."""
    from cryptography import x509  # noqa: PLC0415  only who has certificates needs it

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return min(one.not_valid_after_utc.timestamp() for one in found)


def _named(url: str) -> Iterator[Path]:
    """The files of certificates among the options of a URL: others are keys and tokens."""
    for _, value in parse_qsl(urlsplit(url).query):
        if Path(value).is_file() and ends(Path(value)) is not None:
            yield Path(value)
