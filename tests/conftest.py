"""What all tests share: the rule that a test makes what it needs, that its time is the machine's, and that no RPC
answers in it what the contract does not say of it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from mesh.call import Call
from mesh.errors import MeshError
from parley_sdk.errors import ParleyError
from parley_sdk.infrastructure.calls import Calls
from tests import spoken

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of their own are made there, with the rights that they need
ROOM: Final = 4 * 1024**3

# On a disk each commit waits for it, and for all who use it besides. No test is about a disk.
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("TMPDIR", str(MEMORY))  # that of what tests start, too
    tempfile.tempdir = None  # so that it is read anew

# What one example takes says how busy the machine is, and nothing of the code.
settings.register_profile("parley", deadline=None)
settings.load_profile("parley")


def _listen_to_servers() -> None:
    """Hear what servers in this process answer."""
    fail = Call.fail

    def heard(call: Call, error: MeshError) -> None:
        spoken.hear(call.method.path, error.reason)
        fail(call, error)

    Call.fail = heard  # type: ignore[method-assign,assignment]  # it does that


def _listen_to_clients() -> None:
    """Hear what clients in this process are answered by servers elsewhere."""
    tried = Calls._try

    async def heard(calls: Calls, method: Any, *asked: Any, **how: Any) -> Any:
        try:
            return await tried(calls, method, *asked, **how)
        except ParleyError as error:
            spoken.hear(method._method.decode(), error.reason)
            raise

    Calls._try = heard  # type: ignore[method-assign,assignment]  # it does that


_listen_to_servers()
_listen_to_clients()


@pytest.fixture(autouse=True)
def answers_that_are_declared() -> Iterator[None]:
    """Fail the test in which an RPC answers what neither its comment, its service's nor its request's names."""
    spoken.undeclared.clear()
    yield
    heard = sorted(set(spoken.undeclared))
    spoken.undeclared.clear()
    assert heard == [], "name these reasons in the comments of the RPCs, or do not answer them"
