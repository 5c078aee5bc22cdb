"""The examples of the documents run as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.mesh import Mesh, Running

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["README.md", "sdk/python/README.md"])
def test_the_example_runs_as_written(document: str, shared_mesh: Mesh | Running) -> None:
    """Copied out of the document, the program sends a message and shows it on the other side."""
    program = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)[0]
    environment = {**os.environ, "PARLEY_ADDRESS": shared_mesh.address}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Bob reads: hello, Bob" in done.stdout
