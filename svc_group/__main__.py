"""python -m svc_group."""

import sys

from mesh.member import main
from svc_group.app import Settings, build

if __name__ == "__main__":
    sys.exit(main("group", build, Settings))
