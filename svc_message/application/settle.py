"""How whoever brings a draft hears what became of it."""

import asyncio
from collections.abc import Callable

from mesh.errors import MeshError
from svc_message.domain.entry import Appended, Draft

Settle = Callable[[Draft, Appended | MeshError], None]
"""Called once for each draft: where it stands, or why it was refused. It must not wait."""


def promise() -> "tuple[asyncio.Future[Appended], Settle]":
    """A future, and the `settle` that fulfils it: for the caller who waits for one draft."""
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()

    def settle(_: Draft, outcome: Appended | MeshError) -> None:
        if done.done():
            return
        if isinstance(outcome, MeshError):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)

    return done, settle
