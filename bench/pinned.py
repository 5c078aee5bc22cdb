"""python -m bench.pinned CORE ARGUMENT...: become `python ARGUMENT...` on one core, all threads included."""

import os
import sys

if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])  # noqa: S606  the arguments come from bench itself
