"""The quick comparison: what is a failure, and what is noise."""

from pathlib import Path

import pytest

from bench import smoke
from bench.history import Fault, Kind
from bench.smoke import Found, Reference

BEFORE = Reference({"direct": 3.0, "group": 0.3})


@pytest.mark.parametrize("direct, good", [(2.0, True), (3.0, True), (3.9, True), (4.1, False)])
def test_a_ratio_may_grow_by_a_third(direct: float, *, good: bool) -> None:
    """Less than a third is noise of a shared machine; more is a message that has become dearer."""
    lines, found_good = smoke.compare(Found({"direct": direct, "group": 0.3}), BEFORE)

    assert found_good is good
    assert lines[0].startswith("FAILED: direct") is not good
    assert "FAILED" not in lines[1]


def test_what_looks_dearer_is_measured_again_and_its_best_counts() -> None:
    """A second measurement can clear a ratio and never a fault, and it adds its own faults."""
    fault = Fault(Kind.LOST, "chat", "gone")
    dear, cheap = Found({"direct": 9.0, "group": 0.3}), Found({"direct": 3.0, "group": 0.5})
    assert smoke.looks_dearer(dear, BEFORE)
    assert not smoke.looks_dearer(Found(dear.ratios, (fault,)), BEFORE)
    assert smoke.compare(dear.better_of(cheap), BEFORE)[1]
    assert not smoke.compare(dear.better_of(dear), BEFORE)[1]
    assert not smoke.compare(dear.better_of(Found(cheap.ratios, (fault,))), BEFORE)[1]


def test_a_fault_fails_however_cheap_it_was() -> None:
    """A lost message is a failure beside good ratios."""
    lines, good = smoke.compare(Found({"direct": 1.0}, (Fault(Kind.LOST, "chat", "gone"),)), BEFORE)

    assert not good
    assert lines[-1] == "FAILED: lost: chat: gone"


def test_without_a_reference_nothing_is_good() -> None:
    """A first run says how to take what it found as the reference."""
    lines, good = smoke.compare(Found({"direct": 1.0}), None)

    assert not good
    assert "--accept" in lines[0]


def test_what_is_accepted_is_the_reference(tmp_path: Path) -> None:
    """The file keeps the ratios, when they were taken, and of which commit."""
    path = tmp_path / "smoke.json"
    smoke.accept(Found({"direct": 2.5}), path)
    stored = smoke.reference(path)

    assert stored is not None
    assert stored.ratios == {"direct": 2.5}
    assert stored.taken
    assert smoke.compare(Found({"direct": 2.5}), stored)[1]


def test_a_run_with_faults_is_not_accepted(tmp_path: Path) -> None:
    """What lost messages is no measure for others."""
    with pytest.raises(ConnectionError, match="no reference"):
        smoke.accept(Found({"direct": 1.0}, (Fault(Kind.LOST, "chat", "gone"),)), tmp_path / "smoke.json")
    assert smoke.reference(tmp_path / "smoke.json") is None
