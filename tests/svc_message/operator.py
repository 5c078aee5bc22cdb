"""The operator's command."""

import contextlib
import io
import os
from unittest import mock

from svc_message.__main__ import letters as command
from tests.svc_message.world import World


async def letters(mesh: World, *arguments: str) -> str:
    """Run `python -m svc_message letters …` on the store of this mesh; return what it prints."""
    printed = io.StringIO()
    store = {"PARLEY_MESSAGE_STORE_URL": f"sqlite:{mesh.database}"}
    with mock.patch.dict(os.environ, store), contextlib.redirect_stdout(printed):
        assert await command(arguments) == 0
    return printed.getvalue()
