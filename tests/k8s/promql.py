"""What an expression asks Prometheus for: enough of its language for the alerts and the dashboard."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

KEYWORDS: Final = frozenset({"and", "or", "unless", "offset"})

_SELECTOR = re.compile(r"([A-Za-z_]\w*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|group_left)\s*\(([^)]*)\)")
_BESIDE = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|group_left)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*\b(?!\s*\()")


class Matcher(NamedTuple):
    """What a selector says of one label."""

    metric: str
    label: str
    value: str


def metrics(expression: str) -> set[str]:
    """The names of the series."""
    return set(_NAME.findall(_BESIDE.sub("", expression))) - KEYWORDS


def matchers(expression: str) -> Iterator[Matcher]:
    """The labels that series are chosen by."""
    for metric, inside in _SELECTOR.findall(expression):
        for label, value in _MATCHER.findall(inside):
            yield Matcher(metric, label, value)


def groupings(expression: str) -> set[str]:
    """The labels that are kept."""
    return {label.strip() for inside in _GROUPING.findall(expression) for label in inside.split(",")}
