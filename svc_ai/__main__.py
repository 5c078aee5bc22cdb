"""python -m svc_ai."""

import sys

from mesh.member import main
from svc_ai.app import Settings, build

if __name__ == "__main__":
    sys.exit(main("ai", build, Settings))
