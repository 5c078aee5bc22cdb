"""Raw baselines: what bare gRPC costs on this machine, in the same minute and on the same cores.

A ratio to one stays the same on another machine, which a rate does not. `python -m bench.baseline` is the server of
all of them: bare grpc.aio, bytes as they come, nothing of ours.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.child import Child


@asynccontextmanager
async def serving(core: int) -> AsyncIterator[tuple[Child, str]]:
    """Start the bare server on one core; give it and where it listens."""
    with TemporaryDirectory(prefix="parley-bench-") as folder:
        async with Child(("-m", "bench.baseline"), core, os.environ, Path(folder) / "log") as child:
            yield child, await child.said("ready on ", "\n")
