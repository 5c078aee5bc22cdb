"""What kind of archive a zip is, by what stands in its table."""

import zipfile
from pathlib import Path
from typing import Final

from svc_message.domain.media.types import ZIP
from svc_message.infrastructure.examiner import growth
from svc_message.infrastructure.examiner.refusal import damaged, wrong_type

PROGRAMS: Final = frozenset({"META-INF/MANIFEST.MF", "AndroidManifest.xml"})
"""What only archives have that are programs."""

OFFICE: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def type_of(file: Path) -> str:
    """What kind of archive it is. Raises RefusedError for one made to blow up, that is a program, or not whole."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise damaged() from None
    _refuse_overlap(entries, file.stat().st_size)
    names = {entry.filename for entry in entries}
    if names & PROGRAMS:
        raise wrong_type("programs are not taken")
    return next((kind for name, kind in OFFICE.items() if name in names), ZIP)


def _refuse_overlap(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Files that share their bytes: nobody makes those but to blow up."""
    if sum(entry.compress_size for entry in entries) > size:
        raise growth.bomb()
