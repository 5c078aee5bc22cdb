"""The journal in the process's log and metrics."""

from mesh.errors import MeshError
from mesh.interceptors import code_locations
from mesh.telemetry import Telemetry
from svc_ai.domain.reply import Reply


class TelemetryJournal:
    """Writes ids, reasons and times; neither texts nor people."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._log = telemetry.log
        self._ended = telemetry.meter.create_counter("ai.replies", "{reply}", "replies that ended")
        self._seconds = telemetry.meter.create_histogram("ai.reply.duration", "s", "time from question to answer")

    def ended(self, reply: Reply, outcome: str, seconds: float) -> None:
        """A reply ended."""
        self._ended.add(1, {"outcome": outcome})
        self._seconds.record(seconds, {"outcome": outcome})
        self._log.info("reply ended", reply=reply.id, outcome=outcome, seconds=round(seconds, 3))

    def failed(self, what: str, error: Exception) -> None:
        """Something went wrong; the work goes on."""
        if isinstance(error, MeshError):
            self._log.warning("failed", part=what, code=error.code.name, reason=error.reason)
        else:
            self._log.error("failed", part=what, exception=type(error).__qualname__, at=code_locations(error))
