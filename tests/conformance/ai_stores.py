"""The stores of the AI service, each as two processes have it open."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_ai.infrastructure.store import Store, open_store
from tests.mongo.server import SERVER, fresh_url


@dataclass(frozen=True)
class Stores:
    """One store as two processes have it open."""

    ours: Store
    theirs: Store


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Stores]:
    """The embedded store."""
    async with AsyncExitStack() as stack:
        one, two = [await open_store(f"sqlite:{folder / 'ai.db'}", Secret(), stack) for _ in range(2)]
        yield Stores(one, two)


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[Stores]:
    """A database of a MongoDB server."""
    async with fresh_url() as url, AsyncExitStack() as stack:
        one, two = [await open_store(url, Secret(), stack) for _ in range(2)]
        yield Stores(one, two)


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES.append(pytest.param(mongo, id="mongo", marks=pytest.mark.real))
