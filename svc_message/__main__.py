"""python -m svc_message."""

import sys

from mesh.member import main
from svc_message.app import Settings, build

if __name__ == "__main__":
    sys.exit(main("message", build, Settings))
