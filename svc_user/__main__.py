"""The user service alone: `python -m svc_user`."""

import sys

from mesh.member import main
from svc_user.app import Settings, build

if __name__ == "__main__":
    sys.exit(main("user", build, Settings))
