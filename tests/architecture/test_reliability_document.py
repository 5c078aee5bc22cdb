"""What docs/reliability.md says is shown, is shown by tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z0-9_]+/[a-z0-9_]+)::(test_[a-z0-9_]+)`", DOCUMENT)))
ROWS = [
    line.strip("|").split("|") for line in DOCUMENT.splitlines() if line.startswith("| ") and "embedded" not in line
]


@cache
def found_in(module: str) -> frozenset[str]:
    """The names of the tests of a module; none when there is no such module."""
    file = ROOT / "tests" / f"{module}.py"
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.is_file() else ()
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_test_that_is_named_exists() -> None:
    """A promise whose test was renamed or removed is made no more."""
    assert len(NAMED) > 80
    assert [f"{module}::{test}" for module, test in NAMED if test not in found_in(module)] == []


def test_every_promise_names_a_test() -> None:
    """No row says what a user sees without a test that shows it, here or on the real parts."""
    assert len(ROWS) > 40
    assert [row[0].strip() for row in ROWS if not row[1].strip() or "::" not in "".join(row[2:])] == []


def test_what_looks_like_a_test_is_read_as_one() -> None:
    """A name that is spelt in another way than `module::test` would be held by nothing."""
    assert (
        len(re.findall(r"`[^`]*::[^`]*`", DOCUMENT)) == len(re.findall(r"`[a-z0-9_/]+::test_[a-z0-9_]+`", DOCUMENT)) + 1
    )
