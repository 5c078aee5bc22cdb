"""`svc_message.domain.media.ports.Examiner` by a few processes that are started when they are needed."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import structlog

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import Claim, Findings
from svc_message.domain.media.ports import Made
from svc_message.domain.reasons import Reason
from svc_message.infrastructure.examiner import program
from svc_message.infrastructure.examiner.job import Job
from svc_message.infrastructure.media import documents as media_documents

JOB_S: Final = 40.0
"""Seconds that a job may take; then its process is ended, and the file is refused."""

MAX_WAITING: Final = 100
JOBS: Final = 500
"""Jobs of one process: what leaks in a library does not leak for ever."""

HARMFUL: Final = "the file cannot be read with the means that a file is given"
LINE: Final = 1024 * 1024
COMMAND: Final = (sys.executable, "-I", "-m", "svc_message.infrastructure.examiner")


class ExaminerPool:
    """At most `size` processes. A job that waits has a place in a bounded queue."""

    def __init__(self, size: int, *, job_s: float = JOB_S, max_waiting: int = MAX_WAITING) -> None:
        self._free = [_Child() for _ in range(size)]
        self._all = tuple(self._free)
        self._turns = asyncio.Semaphore(size)
        self._waiting = 0
        self._max_waiting = max_waiting
        self._job_s = job_s
        self._closing = False

    @classmethod
    @asynccontextmanager
    async def opened(cls, size: int) -> AsyncIterator["ExaminerPool"]:
        """A pool whose processes end with the context."""
        pool = cls(size)
        try:
            yield pool
        finally:
            await pool.close()

    async def inspect(self, file: Path, claim: Claim) -> Findings:
        """See the port."""
        return await self._do(Job(str(file), claim))

    @asynccontextmanager
    async def make(self, file: Path, claim: Claim, findings: Findings) -> AsyncIterator[Made]:
        """See the port."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="parley-media-"))
        try:
            made = await self._do(Job(str(file), claim, findings, str(folder)))
            yield Made(made, await asyncio.to_thread(_files, folder))
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def close(self) -> None:
        """End all processes; what they were at is not known then."""
        self._closing = True
        await asyncio.gather(*(child.end() for child in self._all))

    async def _do(self, job: Job) -> Findings:
        if self._waiting >= self._max_waiting:
            raise errors.exhausted(Reason.OVERLOADED, "too many files are being looked at", retry_after=2.0)
        self._waiting += 1
        try:
            async with self._turns:
                return _read(await self._ask(job))
        finally:
            self._waiting -= 1

    async def _ask(self, job: Job) -> dict[str, Any]:
        """A process that dies may have been ended by others, for memory, say: a file is refused when two died of it."""
        for _ in range(2):
            with suppress(EOFError):
                return await self._try(job)
            if self._closing:
                raise _unavailable()
        raise media_rules.type_refused(HARMFUL)

    async def _try(self, job: Job) -> dict[str, Any]:
        child = self._free.pop()
        try:
            async with asyncio.timeout(self._job_s):
                return await child.ask(job)
        except TimeoutError:
            raise media_rules.type_refused(HARMFUL) from None
        except OSError:
            raise _unavailable() from None
        finally:
            if child.busy or child.jobs >= JOBS:  # it hangs, has died, or was given up with its caller
                await asyncio.shield(child.end())
            self._free.append(child)


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.iterdir())}


def _unavailable() -> MeshError:
    """No process can be had now: that says nothing of the file."""
    return errors.unavailable(Reason.OVERLOADED, "files cannot be looked at now; try again", retry_after=1.0)


def _read(answer: dict[str, Any]) -> Findings:
    if "found" in answer:
        return media_documents.findings_of(answer["found"])
    refused = media_rules.failure(answer["reason"])
    raise errors.MeshError(refused.code, answer["reason"], answer["message"])


class _Child:
    """One process, started with its first job."""

    def __init__(self) -> None:
        self.busy = False
        self.jobs = 0
        self._process: subprocess.Popen[bytes] | None = None

    async def ask(self, job: Job) -> dict[str, Any]:
        """Do a job. Raises EOFError when the process dies of it, OSError when there can be none."""
        self.busy = True
        self._process = process = self._process or program.start(COMMAND)
        self.jobs += 1
        asked = json.dumps(job.document()).encode() + b"\n"
        line = await asyncio.to_thread(program.exchange, process, asked, LINE)
        if not line.endswith(b"\n"):
            self._tell_death(await asyncio.to_thread(process.wait))
            raise EOFError
        answer: dict[str, Any] = json.loads(line)
        self.busy = False
        return answer

    def _tell_death(self, code: int) -> None:
        """An operator has to know whether files break it, or the machine ends it: -9 for want of memory, say."""
        structlog.get_logger().warning("examiner_died", code=code, jobs=self.jobs)

    async def end(self) -> None:
        """End the process; the next job starts another."""
        process, self._process, self.busy, self.jobs = self._process, None, False, 0
        if process is not None:
            await asyncio.to_thread(program.end, process)
