"""python -m standalone."""

import os
import sys

from mesh.process import main
from mesh.telemetry import TelemetrySettings
from standalone.app import build

if __name__ == "__main__":
    # gRPC's core prints lines of its own otherwise, about closed connections and taken ports.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.exit(main("standalone", build, TelemetrySettings(log_level="warning")))
