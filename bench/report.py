"""A run as a table for people and as a file for comparison."""

import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench import machine
from bench.baseline import Baseline
from bench.machine import Cores
from bench.result import Pass, Result

RESULTS: Final = Path(__file__).parent / "results"
SHOWN_FAULTS: Final = 10
FULL: Final = 0.95
"""The share of its core from which on the load cannot do more, and the server could."""

MIB: Final = 1024 * 1024

HEADINGS: Final = (
    "load", "messages per\nserver CPU s", "of raw\necho", "acks/s", "ack p50\nms", "ack p99\nms", "server\nCPU",
    "load\nCPU", "server\nRSS", "",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """Under what conditions a run was made."""

    scenario: str
    cores: Cores
    server_settings: dict[str, str]
    options: dict[str, object]


def write(setting: Setting, result: Result) -> Path:
    """Write a run to a file of its own and return its path; a half-written file never has that name."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = RESULTS / f"{setting.scenario}-{moment}.json"
    RESULTS.mkdir(exist_ok=True)
    part = path.with_suffix(".tmp")
    part.write_text(json.dumps(_document(setting, result, moment), indent=2) + "\n", encoding="utf-8")
    return part.rename(path)


def _document(setting: Setting, result: Result, moment: str) -> dict[str, object]:
    return {
        "time": moment,
        "commit": machine.commit(),
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "machine": machine.describe(),
        "setting": asdict(setting),
        "ok": not result.faults,
        "result": {**asdict(result), "faults": [asdict(fault) for fault in result.faults[:SHOWN_FAULTS]]},
        "fault_count": len(result.faults),
    }


def table(result: Result) -> str:
    """Return a run as text."""
    rows = [_baseline_row(result.baseline), *(_row(one, result.baseline) for one in result.passes)]
    return "\n".join([*_lines(HEADINGS, rows), "", *_verdict(result)])


def _row(one: Pass, raw: Baseline) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.messages_per_cpu_s:,.0f}",
        f"{one.messages_per_cpu_s / raw.echoes_per_cpu_s:.2f}",
        f"{one.acks_per_s:,.0f}",
        f"{one.ack_p50_ms:.1f}",
        f"{one.ack_p99_ms:.1f}",
        f"{one.server_cpu:.0%}",
        f"{one.load_cpu:.0%}",
        f"{one.server_rss_bytes / MIB:.0f} MiB",
        _limit(one.server_cpu, one.load_cpu),
    )


def _limit(server_cpu: float, load_cpu: float) -> str:
    return "the load is the limit" if load_cpu > max(FULL, server_cpu) else ""


def _baseline_row(raw: Baseline) -> tuple[str, ...]:
    return (
        "raw echo", f"{raw.echoes_per_cpu_s:,.0f}", "1.00", f"{raw.echoes_per_s:,.0f}", "", "",
        f"{raw.server_cpu:.0%}", f"{raw.load_cpu:.0%}", "", _limit(raw.server_cpu, raw.load_cpu),
    )  # fmt: skip


def _lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    top = [heading.split("\n") if "\n" in heading else ["", heading] for heading in headings]
    cells = [*([parts[line] for parts in top] for line in range(2)), *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        first, *rest = zip(row, widths, strict=True)
        yield "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]).rstrip()


def _verdict(result: Result) -> Iterator[str]:
    yield "Every message is durable when acknowledged, and received by its peer. CPU is of one core each."
    yield "Rate limits are off, and passwords are hashed cheaply: accounts are made before the measurement."
    if result.filesystem == "tmpfs":
        yield "The data folder is in memory: commits cost nothing here. Set TMPDIR to a folder on a disk."
    for name, times in result.oddities.items():
        yield f"{times:,} x {name}"
    if not result.faults:
        yield f"History: {result.messages:,} messages, each received once and in order."
        return
    yield f"FAILED: {len(result.faults):,} faults in the history of {result.messages:,} messages"
    for fault in result.faults[:SHOWN_FAULTS]:
        yield f"  {fault.kind}: {fault.conversation_id}: {fault.detail}"
