"""python -m bench SCENARIO: see `bench.command`."""

import os
import sys

# gRPC's core prints each closed connection otherwise. It reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from bench.command import main

if __name__ == "__main__":
    sys.exit(main())
