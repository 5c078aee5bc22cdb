"""What docs/features.md says is shown, is shown by tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/features.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists() -> None:
    """A feature whose test was renamed or removed is claimed no more."""
    named = set(re.findall(r"`([a-z0-9_]+/[a-z0-9_]+\.py)`", DOCUMENT))
    assert named
    assert {name for name in named if not (ROOT / "tests" / name).is_file()} == set()


def test_every_yes_names_a_test() -> None:
    """No row of the comparison says yes without a row that shows it."""
    comparison, _, shown = DOCUMENT.partition("## Shown by")
    claims = re.findall(r"^\| ([^|]+) \| \*\*(?!N\b)[^|]+\*\* \|", comparison, re.MULTILINE)
    proofs = set(re.findall(r"^\| ([^|]+) \| `", shown, re.MULTILINE))
    assert claims
    assert [claim for claim in claims if claim not in proofs] == []
