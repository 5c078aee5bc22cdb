"""What is counted of programs outside."""

from typing import Final

import structlog

from mesh.telemetry import BUCKETS, Telemetry

LOUD: Final = frozenset({"dead", "full", "dropped"})
"""What an operator has to know of."""


ANSWERED: Final = frozenset({"looked_at", "found"})
"""What became of an entry that the model was asked about, when it answered."""


class Pushes:
    """Counts what became of notifications."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._counter = telemetry.meter.create_counter("push.notifications", "{notification}", "by outcome")

    def __call__(self, outcome: str) -> None:
        """See `svc_message.application.push.tell.Counted`."""
        self._counter.add(1, {"outcome": outcome})
        if outcome in LOUD:
            structlog.get_logger().warning("push_dropped")

    def away(self, away: bool) -> None:  # noqa: FBT001 - what `svc_message.application.push.carrying.Gate` observes
        """Say when the carrier begins to be away and when it is back, not for each notification."""
        structlog.get_logger().warning("push_away" if away else "push_back")


class Policy:
    """Counts what the policy said, or the model that is asked like one, and how long it took."""

    def __init__(self, telemetry: Telemetry, name: str = "policy") -> None:
        self._name = name
        self._counter = telemetry.meter.create_counter(f"{name}.questions", "{question}", "by outcome")
        self._seconds = telemetry.meter.create_histogram(
            f"{name}.seconds", "s", f"until the {name} answered", explicit_bucket_boundaries_advisory=BUCKETS
        )
        self._failing = False

    def __call__(self, outcome: str, seconds: float) -> None:
        """See `svc_message.application.judging.screen.Observe`."""
        self._counter.add(1, {"outcome": outcome})
        self._seconds.record(seconds)
        failing = outcome.startswith("failed")
        if failing != self._failing:  # when it begins and when it ends, not for each message
            self._failing = failing
            structlog.get_logger().warning(f"{self._name}_{'away' if failing else 'back'}", outcome=outcome)


class Reviewed:
    """Counts what the model was asked about that is in the log already."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._log = telemetry.log
        self._counter = telemetry.meter.create_counter("review.entries", "{entry}", "by outcome")
        self._away = False

    def __call__(self, outcome: str, entries: int) -> None:
        """See `svc_message.application.judging.judge_log.Observe`."""
        self._counter.add(entries, {"outcome": outcome})
        away = outcome not in ANSWERED
        if away != self._away or outcome == "passed_over":
            self._away = away
            self._log.warning("review_away" if away else "review_back", outcome=outcome, entries=entries)


class Sinks:
    """Counts what sinks were told."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._counter = telemetry.meter.create_counter("sink.events", "{event}", "by sink and outcome")
        self._away: set[str] = set()

    def __call__(self, sink: str, outcome: str, events: int) -> None:
        """See `svc_message.application.follow.Observe`."""
        self._counter.add(events, {"sink": sink, "outcome": outcome})
        if outcome in LOUD:
            structlog.get_logger().warning("dead_letter", sink=sink, full=outcome == "full")
        elif (outcome == "away") != (sink in self._away):
            self._away ^= {sink}
            structlog.get_logger().warning("sink_away" if outcome == "away" else "sink_back", sink=sink)
