"""Figures: a number with its name, its unit, and what it must reach."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    """How a number is written."""

    COUNT = "count"
    RATIO = "ratio"
    SHARE = "share"
    PERCENT = "percent"
    MILLISECONDS = "ms"
    SECONDS = "s"
    KILOBYTES = "kB"
    MEBIBYTES = "MiB"


class Verdict(StrEnum):
    """How a figure stands to its target, from the best to the worst."""

    AIM = "aim reached"
    MUST = "met"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach, and what we aim at. `at_most`: less is better."""

    must: float
    aim: float
    at_most: bool = False

    def verdict(self, value: float) -> Verdict:
        """Judge a value."""
        sign = -1 if self.at_most else 1
        if sign * value >= sign * self.aim:
            return Verdict.AIM
        return Verdict.MUST if sign * value >= sign * self.must else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `value` None: not measured. Of several runs it is the median, and `low` to `high` is the spread."""

    name: str
    value: float | None
    unit: Unit = Unit.COUNT
    target: Target | None = None
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> Verdict | None:
        """How it stands to its target; None without target or value."""
        return None if self.target is None or self.value is None else self.target.verdict(self.value)

    def text(self) -> str:
        """Write it, with its spread when there were several runs."""
        if self.value is None:
            return "not measured"
        if self.low is None or self.high is None:
            return written(self.value, self.unit)
        return f"{written(self.value, self.unit)} ({written(self.low, self.unit)}-{written(self.high, self.unit)})"

    def limit(self, value: float) -> str:
        """Write a target of this figure."""
        return written(value, self.unit)


def of_raw(value: float, raw: float, target: Target | None = None) -> Figure:
    """Return how often a raw baseline goes into a value: the same on another machine, which a rate is not."""
    return Figure("of raw", value / raw if raw else None, Unit.RATIO, target)


FORMATS: Final = {
    Unit.COUNT: "{:,.0f}",
    Unit.RATIO: "{:.2f}",
    Unit.SHARE: "{:.0%}",
    Unit.PERCENT: "{:.2%}",
    Unit.MILLISECONDS: "{:,.1f}",
    Unit.SECONDS: "{:.2f}",
    Unit.KILOBYTES: "{:,.1f}",
    Unit.MEBIBYTES: "{:,.0f} MiB",
}


def written(value: float, unit: Unit) -> str:
    """Write a number in its unit."""
    return FORMATS[unit].format(value)
