"""The programs that look into files are started by a process that is busy with other things."""

import subprocess
import sys

from tests.svc_message import starting


def test_a_busy_process_starts_programs_that_live() -> None:
    """Of many programs that are started between calls none dies before it begins."""
    command = (sys.executable, "-c", "from tests.svc_message import starting; starting.run()")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0"] * starting.PROGRAMS


def test_what_looks_into_files_is_there_at_once() -> None:
    """Somebody waits for it: neither what a service is made of is loaded, nor FFmpeg before a film comes."""
    slow = {"asyncio", "av", "google.protobuf", "grpc", "structlog"}
    code = f"import sys, svc_message.infrastructure.examiner.__main__; print(*{slow} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-I", "-c", code], text=True) == "\n"
