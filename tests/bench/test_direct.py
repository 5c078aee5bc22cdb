"""Scenario `direct` against a real server, with a load too small to measure anything."""

import pytest

from bench import machine
from bench.progress import Progress
from bench.report import table
from bench.scenario import direct


@pytest.mark.slow
async def test_a_short_run_measures_and_its_history_is_good() -> None:
    """Four users for two seconds: every message arrives once and in order, and the figures are there."""
    options = direct.Options(users=4, windows=(2,), seconds=2.0, warm_up_s=0.5, baseline_s=0.5)

    result = await direct.run(options, machine.pick_cores(), Progress())

    raw, saturated, half = result.rows
    assert result.faults == ()
    assert not result.oddities
    assert result.checked >= saturated.value("per s") > half.value("per s") > 0
    assert 0 < saturated.value("ack p50 ms") <= saturated.value("ack p99 ms")
    assert saturated.value("per server CPU s") > 0
    assert raw.value("per server CPU s") > 0
    assert "each received once and in order" in table(result)


@pytest.mark.parametrize("options", [{"users": 3}, {"windows": (0,)}, {"windows": (257,)}])
def test_what_cannot_be_run_is_refused(options: dict[str, int | tuple[int, ...]]) -> None:
    """Users without a peer, and more in flight than the contract allows, are refused before anything starts."""
    with pytest.raises(ValueError, match=r"pairs|windows"):
        direct.Options(**options)  # type: ignore[arg-type]  # one of two fields
