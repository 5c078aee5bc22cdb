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
from bench.figure import Figure, Verdict
from bench.machine import Cores
from bench.result import Result, Row

RESULTS: Final = Path(__file__).parent / "results"
SHOWN_FAULTS: Final = 10
WIDTH: Final = 14
"""Characters of a heading, from which on it is broken into lines."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Under what conditions a run was made."""

    scenario: str
    runs: int
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
        "rows": [_row_document(row) for row in result.rows],
        "checked": result.checked,
        "faults": [asdict(fault) for fault in result.faults[:SHOWN_FAULTS]],
        "fault_count": len(result.faults),
        "oddities": dict(result.oddities),
        "filesystem": result.filesystem,
    }


def _row_document(row: Row) -> dict[str, object]:
    figures = {figure.name: {**asdict(figure), "verdict": figure.verdict} for figure in row.figures}
    return {"name": row.name, "remark": row.remark, "figures": figures}


def table(result: Result) -> str:
    """Return a run as text."""
    names = list(dict.fromkeys(figure.name for row in result.rows for figure in row.figures))
    headings = [_broken(name) for name in ("", *names, "target", "")]
    depth = max(map(len, headings))
    top = [[([""] * (depth - len(lines)) + lines)[line] for lines in headings] for line in range(depth)]
    cells = [*top, *(_cells(row, names) for row in result.rows)]
    return "\n".join([*_aligned(cells), "", *_footnotes(result)])


def _broken(name: str) -> list[str]:
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) >= WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    figures = {figure.name: figure for figure in row.figures}
    shown = [figures[name].text() if name in figures else "" for name in names]
    return [row.name, *shown, _judged(row.figures), row.remark]


def _judged(figures: Sequence[Figure]) -> str:
    """Name each target that was missed, or say how good the worst of those that were not is."""
    judged = [figure for figure in figures if figure.verdict is not None]
    missed = [figure.name for figure in judged if figure.verdict is Verdict.MISSED]
    if missed:
        return f"{Verdict.MISSED}: {', '.join(missed)}" if len(judged) > 1 else Verdict.MISSED
    if not judged:
        return ""
    return Verdict.AIM if all(figure.verdict is Verdict.AIM for figure in judged) else Verdict.MUST


def _aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        first, *rest, remark = zip(row, widths, strict=True)
        middle = (text.rjust(width) for text, width in rest)
        yield "  ".join([first[0].ljust(first[1]), *middle, remark[0]]).rstrip()


def _footnotes(result: Result) -> Iterator[str]:
    yield from result.notes
    yield from _targets(result)
    if result.filesystem == "tmpfs":
        yield "The data folder is in memory: commits cost nothing here. Set TMPDIR to a folder on a disk."
    for name, times in result.oddities.items():
        yield f"{times:,} x {name}"
    if not result.checked:
        return
    if not result.faults:
        yield f"History: {result.checked:,} messages, each received once and in order."
        return
    yield f"FAILED: {len(result.faults):,} faults in the history of {result.checked:,} messages"
    for fault in result.faults[:SHOWN_FAULTS]:
        yield f"  {fault.kind}: {fault.conversation_id}: {fault.detail}"


def _targets(result: Result) -> Iterator[str]:
    judged = [(row.name, figure) for row in result.rows for figure in row.figures if figure.target]
    if judged:
        yield f"Targets (must / aim): {'; '.join(_target(name, figure) for name, figure in judged)}."


def _target(name: str, figure: Figure) -> str:
    target = figure.target
    if target is None:
        return ""
    at = "at most " if target.at_most else ""
    return f"{name}: {figure.name} {at}{figure.limit(target.must)} / {figure.limit(target.aim)}"
