"""python -m bench.pinned CORE ARGUMENT...: become `python ARGUMENT...` on one core, all threads included."""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""Of prctl(2): the signal that a process gets when its parent is gone. It holds across exec."""

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])  # noqa: S606  the arguments come from bench itself
