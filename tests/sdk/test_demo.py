"""The scripted story against the real mesh."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_demo() -> None:
    """Three devices of two people and an assistant see what they should, and the mesh is gone afterwards."""
    story = subprocess.run(
        [sys.executable, "-m", "parley_terminal", "demo"], capture_output=True, text=True, timeout=60, check=False
    )
    assert story.returncode == 0, story.stdout[-3_000:] + story.stderr
    assert "Every device saw what it should." in story.stdout
    assert story.stderr == ""
