"""The operator's command, in a process of its own."""

import asyncio
import os
import sys

from tests.svc_message.world import World


async def letters(mesh: World, *arguments: str) -> str:
    """Run `python -m svc_message letters …` on the store of this mesh; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "svc_message",
        "letters",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PARLEY_MESSAGE_STORE_URL": f"sqlite:{mesh.database}"},
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()
