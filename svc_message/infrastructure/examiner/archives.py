"""What stands in the table of a zip archive. Nothing is unpacked."""

import zipfile
from pathlib import Path
from typing import Final

from svc_message.domain.media.types import ZIP
from svc_message.infrastructure.examiner.refusal import damaged, wrong_type

MAX_FILES: Final = 50_000
MAX_RATIO: Final = 200
"""How many times larger the contents may be than the archive, once they are larger than `FREE`."""

FREE: Final = 256 * 1024 * 1024
PROGRAMS: Final = frozenset({"META-INF/MANIFEST.MF", "AndroidManifest.xml"})
"""What only archives have that are programs."""

OFFICE: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def type_of(file: Path) -> str:
    """What kind of archive it is. Raises RefusedError for one made to blow up, or that is a program."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise damaged() from None
    _refuse_bomb(entries, file.stat().st_size)
    names = {entry.filename for entry in entries}
    if names & PROGRAMS:
        raise wrong_type("programs are not taken")
    return next((kind for name, kind in OFFICE.items() if name in names), ZIP)


def _refuse_bomb(entries: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    overlapping = packed > size
    if len(entries) > MAX_FILES or overlapping or unpacked > max(FREE, size * MAX_RATIO):
        raise wrong_type("the archive would grow beyond measure when it is unpacked")
