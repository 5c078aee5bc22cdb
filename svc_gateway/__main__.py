"""python -m svc_gateway."""

import sys

from mesh.member import main
from svc_gateway.app import Settings, build

if __name__ == "__main__":
    sys.exit(main("gateway", build, Settings))
