"""python -m real.logs: keeps the logs small for as long as it runs. A broker in trouble wrote 30 million lines."""

import os
import time
from pathlib import Path
from typing import Final

from real import folder

MOST_BYTES: Final = 32 * 1024 * 1024
KEPT_BYTES: Final = 1024 * 1024
EVERY_S: Final = 2.0


def bound(path: Path) -> None:
    """Empty a log that is too large; its last part stays beside it. Who writes it appends, and goes on at its start."""
    with path.open("rb+") as log:
        size = os.fstat(log.fileno()).st_size
        if size > MOST_BYTES:
            log.seek(size - KEPT_BYTES)
            path.with_suffix(".log.1").write_bytes(log.read(KEPT_BYTES))
            log.truncate(0)


def main() -> None:
    """Look again and again."""
    while True:
        for path in folder.logs().glob("*.log"):
            bound(path)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
