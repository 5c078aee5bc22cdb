"""The process that looks into files: a job a line on standard input, an answer a line on standard output.

It has no secrets, little memory, and little time: a file that breaks it breaks nothing else.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from svc_message.infrastructure.examiner import look
from svc_message.infrastructure.examiner.job import Job, answer, refusal
from svc_message.infrastructure.examiner.refusal import RefusedError, damaged

MEMORY: Final = 2 * 1024**3
"""Address space; what a picture of 40 million pixels takes several times."""

FILE: Final = 1024**3
FILES: Final = 64
JOB_CPU_S: Final = 40
"""Seconds of CPU for one job."""


def main() -> None:
    """Work until nobody asks any more."""
    _confine()
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + JOB_CPU_S, resource.RLIM_INFINITY)
        )
        sys.stdout.write(json.dumps(_done(Job.of(json.loads(line)))) + "\n")
        sys.stdout.flush()


def _done(job: Job) -> dict[str, Any]:
    try:
        if job.findings is None:
            return answer(look.inspect(Path(job.file), job.claim))
        return answer(look.make(Path(job.file), job.claim, job.findings, Path(job.folder)))
    except RefusedError as error:
        return refusal(error)
    except Exception:  # noqa: BLE001 - whatever a file makes a library do, the file is not taken
        return refusal(damaged())


def _confine() -> None:
    """Limits that a library cannot lift; and if memory runs out on the machine, this is what should go first."""
    limits = ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, FILE), (resource.RLIMIT_NOFILE, FILES))
    for limit, most in (*limits, (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # another system than Linux knows some of them only
            resource.setrlimit(limit, (most, most))
    os.nice(5)
    with suppress(OSError):  # another system than Linux
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    main()
