"""What is counted of the model that judges."""

from typing import Final

from mesh.telemetry import BUCKETS, Telemetry

ANSWERED: Final = frozenset({"allow", "review", "block", "remembered"})


class JudgeCounts:
    """Counts what it said, and how long it took; tells an operator when it goes away and when it is back."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._log = telemetry.log
        self._counter = telemetry.meter.create_counter("judge.questions", "{question}", "by outcome")
        self._seconds = telemetry.meter.create_histogram(
            "judge.seconds", "s", "until the model answered", explicit_bucket_boundaries_advisory=BUCKETS
        )
        self._away = False

    def __call__(self, outcome: str, seconds: float) -> None:
        """See `svc_ai.application.judge.Observe`."""
        self._counter.add(1, {"outcome": outcome})
        if outcome == "remembered":
            return
        self._seconds.record(seconds)
        away = outcome not in ANSWERED
        if away != self._away:  # when it begins and when it ends, not for each text
            self._away = away
            self._log.warning("judge_away" if away else "judge_back", outcome=outcome)
