"""Databases of their own on the MongoDB server that PARLEY_TEST_MONGO names, for tests that need a real one."""

import os
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from pymongo import AsyncMongoClient

SERVER = os.environ.get("PARLEY_TEST_MONGO", "").rstrip("/")
"""mongodb://<host>:<port>[/?<options>], without a database; empty when there is no server."""

ADDRESS: Final = urlsplit(SERVER).netloc
"""Where it listens."""

STORES: Final = ["sqlite", *([pytest.param("mongo", marks=pytest.mark.real)] if SERVER else [])]
"""Parameters of a fixture that makes a store of each kind that there is."""


@asynccontextmanager
async def fresh_url() -> AsyncIterator[str]:
    """The URL of a database that is not there yet, and is not there any more afterwards."""
    name = f"parley_test_{secrets.token_hex(6)}"
    try:
        yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    finally:
        async with AsyncMongoClient[dict[str, object]](SERVER, serverSelectionTimeoutMS=20_000) as client:
            await client.drop_database(name)


def server_tls() -> ssl.SSLContext | None:
    """How its server is spoken to; None without TLS."""
    authorities = parse_qs(urlsplit(SERVER).query).get("tlsCAFile")
    return ssl.create_default_context(cafile=authorities[0]) if authorities else None


@asynccontextmanager
async def url_of(kind: str, embedded: str) -> AsyncIterator[str]:
    """The URL of an empty store of this kind of `STORES`; `embedded` is that of the embedded one."""
    if kind == "mongo":
        async with fresh_url() as url:
            yield url
    else:
        yield embedded
