"""Scenario `direct` against a real server, with a load too small to measure anything."""

import pytest

from bench import direct, machine
from bench.progress import Progress
from bench.report import table


@pytest.mark.slow
async def test_a_short_run_measures_and_its_history_is_good() -> None:
    """Four users for two seconds: every message arrives once and in order, and the figures are there."""
    options = direct.Options(users=4, windows=(2,), seconds=2.0, warm_up_s=0.5, baseline_s=0.5)

    result = await direct.run(options, machine.pick_cores(), Progress())

    saturated, half = result.passes
    assert result.faults == []
    assert result.oddities == {}
    assert result.messages >= saturated.acks_per_s > 0
    assert half.acks_per_s > 0
    assert 0 < saturated.ack_p50_ms <= saturated.ack_p99_ms
    assert saturated.messages_per_cpu_s > 0
    assert result.baseline.echoes_per_cpu_s > 0
    assert "each received once and in order" in table(result)
