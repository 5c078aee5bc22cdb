"""What a scenario hands to the report."""

from dataclasses import dataclass

from bench.baseline import Baseline
from bench.history import Fault


@dataclass(frozen=True, slots=True)
class Pass:
    """One measurement. CPU is in cores: 1.0 is one core all the time. Latencies are in milliseconds."""

    name: str
    window: int
    acks_per_s: float
    received_per_s: float
    messages_per_cpu_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    server_cpu: float
    load_cpu: float
    server_rss_bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """All passes of a run, the raw baseline, and what was wrong with the history: nothing, in a good run."""

    passes: list[Pass]
    baseline: Baseline
    messages: int
    faults: list[Fault]
    oddities: dict[str, int]
    filesystem: str
