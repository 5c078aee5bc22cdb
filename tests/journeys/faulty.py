"""python -m tests.journeys.faulty: the mesh in one process, on a machine that goes wrong on command.

`CLOCK_FILE` holds 8 bytes: the seconds by which the wall clock of this machine is wrong, read at each look at it.
`DIES` is a moment in the life of the message whose text names it: then the process is killed, or, after the ack, hangs
in the delivery until the test kills it.
"""

import asyncio
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

BEFORE_APPEND: Final = "before the append"
AFTER_APPEND: Final = "after the append and before the ack"
AFTER_ACK: Final = "after the ack and before the delivery"
MOMENTS: Final = (BEFORE_APPEND, AFTER_APPEND, AFTER_ACK)

_OFFSET: Final = struct.Struct("<q")


def set_clock(file: Path, seconds: int) -> None:
    """Let the wall clock of the machine be wrong by so much from now on."""
    if not file.exists():
        file.write_bytes(_OFFSET.pack(0))
    with file.open("r+b") as opened:
        opened.write(_OFFSET.pack(seconds))


def _spoil_clock(file: str) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    offset = mmap.mmap(descriptor, _OFFSET.size, prot=mmap.PROT_READ)
    right = time.time_ns

    def time_ns() -> int:
        seconds: int = _OFFSET.unpack(offset[:])[0]
        return right() + seconds * 1_000_000_000

    # What the mesh looks at. Not `time.time`: gRPC compares that with the clock of its core, which is not wrong here.
    time.time_ns = time_ns


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _spoil_log(moment: str) -> None:
    from svc_message.domain.entry import Row  # noqa: PLC0415 - the clock is spoilt before anything else is loaded
    from svc_message.infrastructure.sqlite.log import SqliteLog  # noqa: PLC0415

    append = SqliteLog.append

    async def fatal(self: SqliteLog, rows: Sequence[Row]) -> None:
        dies = any(moment.encode() in row.entry for row in rows)
        if dies and moment == BEFORE_APPEND:
            _die()
        await append(self, rows)
        if dies and moment == AFTER_APPEND:
            _die()

    SqliteLog.append = fatal  # type: ignore[method-assign]


def _spoil_delivery() -> None:
    from svc_message.domain.ports import Delivery  # noqa: PLC0415
    from svc_message.infrastructure.nodes import NodeTopics  # noqa: PLC0415

    deliver = NodeTopics.deliver

    async def hang(self: NodeTopics, deliveries: Sequence[Delivery]) -> None:
        if any(AFTER_ACK.encode() in entry for delivery in deliveries for entry in delivery.entries):
            await asyncio.Event().wait()
        await deliver(self, deliveries)

    NodeTopics.deliver = hang  # type: ignore[method-assign]


def _run() -> int:
    if file := os.environ.get("CLOCK_FILE"):
        _spoil_clock(file)
    if moment := os.environ.get("DIES"):
        _spoil_log(moment)
    if moment == AFTER_ACK:
        _spoil_delivery()
    from mesh.process import main  # noqa: PLC0415
    from mesh.telemetry import TelemetrySettings  # noqa: PLC0415
    from standalone.app import build  # noqa: PLC0415

    return main("standalone", build, TelemetrySettings(log_level="warning"))


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(_run())
