from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from parley_sdk import ParleyError
from parley_terminal.demo.cast import arrive, casting
from parley_terminal.demo.mesh import own_mesh
from parley_terminal.demo.stage import Stage
from parley_terminal.demo.story import ACTS
from parley_terminal.demo.verdict import judge

_MOST_SECONDS: Final = 45.0


async def play(address: str = "") -> int:
    """Play the story against a server, or a mesh of its own; return 0 when every device saw what it should."""
    stage = Stage()
    try:
        async with AsyncExitStack() as stack:
            if not address:
                stage.note("starting a mesh …")
                address = await stack.enter_async_context(own_mesh())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-demo-")))
            await _perform(address, folder, stage)
    except RuntimeError as error:
        stage.failures.append(str(error))
    return stage.end()


async def _perform(address: str, folder: Path, stage: Stage) -> None:
    async with casting(address, folder, stage) as cast:
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                for act in (arrive, *ACTS):
                    await act(cast)
                    await stage.pause()
        except ParleyError as error:
            stage.failures.append(f"the story stopped: {error}")
        except TimeoutError:
            stage.failures.append(f"the story took longer than {_MOST_SECONDS:.0f} seconds")
        judge(cast)
