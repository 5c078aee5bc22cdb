"""python -m standalone."""

import os
import sys

from mesh.process import main
from mesh.telemetry import TelemetrySettings
from standalone.app import build

if __name__ == "__main__":
    # gRPC's core prints each closed connection otherwise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(main("standalone", build, TelemetrySettings(log_level="warning")))
