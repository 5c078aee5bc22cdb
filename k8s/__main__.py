"""Two commands beside the manifests.

python -m k8s check                 hold the manifests to a real API server
python -m k8s credentials FOLDER    make the keys, passwords and certificates of a trial installation
"""

import sys
from pathlib import Path

from k8s.check import check
from k8s.credentials import make


def main(words: list[str]) -> int:
    """Return the exit code of the command."""
    match words:
        case ["check"]:
            return check()
        case ["credentials", folder]:
            make(Path(folder))
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
