"""What a scenario hands to the report: rows of figures, and whether the history under them is a good one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from bench.figure import Figure
from bench.history import Fault


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `remark` says what a reader must know to read it, such as that the load was the limit."""

    name: str
    figures: tuple[Figure, ...]
    remark: str = ""

    def value(self, name: str) -> float:
        """Return the value of a figure. Raises KeyError when there is none."""
        for figure in self.figures:
            if figure.name == name and figure.value is not None:
                return figure.value
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Result:
    """All rows of a run, the raw baseline first, and what was wrong with the history: nothing, in a good run.

    `checked` says how much was held against the history, `notes` what the figures mean.
    """

    rows: tuple[Row, ...]
    checked: int
    faults: tuple[Fault, ...] = ()
    oddities: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
    filesystem: str = ""

    def row(self, name: str) -> Row:
        """Return a row. Raises KeyError when there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)


def merge(results: Sequence[Result]) -> Result:
    """Return several runs as one: of each figure the median and the spread, of the rest all."""
    if len(results) == 1:
        return results[0]
    last = results[-1]
    return replace(
        last,
        rows=tuple(_merge_rows(rows) for rows in _matching(results)),
        checked=sum(result.checked for result in results),
        faults=tuple(fault for result in results for fault in result.faults),
        oddities=sum((result.oddities for result in results), Counter()),
    )


def _matching(results: Sequence[Result]) -> Iterator[list[Row]]:
    """Rows are matched by their place: the name of one may tell a rate, which is another one in each run."""
    yield from (list(rows) for rows in zip(*(result.rows for result in results), strict=True))


def _merge_rows(rows: Sequence[Row]) -> Row:
    last = rows[-1]
    figures = tuple(_merge_figures(figures) for figures in zip(*(row.figures for row in rows), strict=True))
    return replace(last, figures=figures, remark=_remarks(row.remark for row in rows))


def _merge_figures(figures: Sequence[Figure]) -> Figure:
    values = [figure.value for figure in figures if figure.value is not None]
    if not values:
        return figures[-1]
    return replace(figures[-1], value=median(values), low=min(values), high=max(values))


def _remarks(remarks: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(remark for remark in remarks if remark))
