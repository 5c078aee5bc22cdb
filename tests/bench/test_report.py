"""Rows of figures: judged by their targets, merged over runs, and shown."""

from collections import Counter

import pytest

from bench.figure import Figure, Target, Unit, Verdict
from bench.history import Fault, Kind
from bench.report import table
from bench.result import Result, Row, merge

RATE, LATENCY = Target(100, 200), Target(25, 10, at_most=True)


def result(*values: float, faults: tuple[Fault, ...] = ()) -> Result:
    """One row with a rate for each value."""
    rows = tuple(Row(f"row {index}", (Figure("rate", value, target=RATE),)) for index, value in enumerate(values))
    return Result(rows, checked=10, faults=faults, oddities=Counter(odd=1))


@pytest.mark.parametrize(
    "target, value, verdict",
    [
        (RATE, 200, Verdict.AIM),
        (RATE, 199, Verdict.MUST),
        (RATE, 100, Verdict.MUST),
        (RATE, 99, Verdict.MISSED),
        (LATENCY, 10, Verdict.AIM),
        (LATENCY, 25, Verdict.MUST),
        (LATENCY, 25.1, Verdict.MISSED),
    ],
)
def test_a_figure_is_judged_by_its_target(target: Target, value: float, verdict: Verdict) -> None:
    """More is better for a rate, less for a latency, and a target that is just reached is reached."""
    assert Figure("figure", value, target=target).verdict is verdict


def test_what_was_not_measured_is_not_judged() -> None:
    """A figure without a value has no verdict and says so."""
    figure = Figure("store reads", None, target=LATENCY)

    assert figure.verdict is None
    assert figure.text() == "not measured"


def test_several_runs_are_one_with_median_and_spread() -> None:
    """Of three runs each figure is the median, from the least to the most; all that was checked is added up."""
    merged = merge([result(110), result(90), result(250)])

    [figure] = merged.rows[0].figures
    assert (figure.value, figure.low, figure.high) == (110, 90, 250)
    assert figure.text() == "110 (90-250)"
    assert figure.verdict is Verdict.MUST
    assert merged.checked == 30
    assert merged.oddities == {"odd": 3}


def test_a_fault_of_one_run_is_a_fault_of_all() -> None:
    """A failed run does not vanish between good ones."""
    fault = Fault(Kind.LOST, "chat", "gone")

    assert merge([result(1), result(1, faults=(fault,)), result(1)]).faults == (fault,)


def test_one_run_has_no_spread() -> None:
    """A single run is shown as it is."""
    assert merge([result(110)]).rows[0].figures[0].text() == "110"


def test_the_table_says_what_was_missed() -> None:
    """Each row says plainly whether its targets are met, and names the one that is not when there are several."""
    rows = (
        Row("fast", (Figure("rate", 300, target=RATE),)),
        Row("slow", (Figure("rate", 50, target=RATE),), "the load is the limit"),
        Row("late", (Figure("rate", 150, target=RATE), Figure("p99 ms", 26, Unit.MILLISECONDS, LATENCY))),
        Row("raw", (Figure("rate", 1_000),)),
    )
    lines = {line.split("  ")[0]: line for line in table(Result(rows, checked=1)).splitlines()}

    assert lines["fast"].endswith("aim reached")
    assert lines["slow"].endswith("MISSED  the load is the limit")
    assert lines["late"].endswith("MISSED: p99 ms")
    assert lines["raw"].endswith("1,000")


def test_a_bad_history_is_shown() -> None:
    """Faults stand below the table, with what and where."""
    shown = table(result(100, faults=(Fault(Kind.LOST, "chat", "bob never got 3"),)))

    assert "FAILED: 1 faults in the history of 10 messages" in shown
    assert "lost: chat: bob never got 3" in shown
