"""What the documents name is there: pages, files and verbs of make."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
MODULE = re.compile(r"`(?!svc_x/|tests/module\.py)([\w/.-]+\.py)`")  # those two stand for any service, any test
VERB = re.compile(r"(?:^|`)make ([a-z][\w-]*)", re.MULTILINE)
TARGET = re.compile(r"^([\w. /-]+):(?!=)", re.MULTILINE)


@pytest.fixture(scope="module")
def kept() -> str:
    """All files that are kept or about to be, each after a slash and before the end of its line."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return "".join(f"/{name}\n" for name in names.splitlines() if (ROOT / name).is_file())


def test_every_link_leads_somewhere() -> None:
    """A page or a folder that was moved or renamed is linked by its old name no more."""
    links = {(page, link) for page in PAGES for link in LINK.findall(page.read_text(encoding="utf-8"))}
    assert links
    assert sorted(f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()) == []


def test_every_module_that_is_named_exists(kept: str) -> None:
    """A document names a module by its path or the end of it, and there is one of that name."""
    named = {(page, name) for page in PAGES for name in MODULE.findall(page.read_text(encoding="utf-8"))}
    assert named
    assert sorted(f"{page.name}: {name}" for page, name in named if f"/{name}\n" not in kept) == []


def test_every_verb_that_is_named_is_a_target() -> None:
    """What a document tells the reader to make, the Makefile makes."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {word for line in TARGET.findall(makefile) for word in line.split()}
    verbs = {(page, verb) for page in PAGES for verb in VERB.findall(page.read_text(encoding="utf-8"))}
    assert verbs
    assert sorted(f"{page.name}: make {verb}" for page, verb in verbs if verb not in targets) == []
