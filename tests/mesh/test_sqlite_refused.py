"""Files that this program must not touch, and a machine that does not let it."""

import asyncio
import io
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from mesh.errors import MeshError
from mesh.infrastructure.sqlite import Database
from mesh.logs import adopt, logger
from mesh.settings import SettingError
from tests.mesh import sqlite_file
from tests.mesh.sqlite_file import full_disk, insert, items

SCHEMA = ("CREATE TABLE item (id INTEGER PRIMARY KEY)",)
NEWER = (*SCHEMA, "ALTER TABLE item ADD COLUMN size INTEGER NOT NULL DEFAULT 5")
unmoved = sqlite_file.unmoved


def version(file: Path) -> int:
    """What the file says of itself."""
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    """An older program says in one line what to do, and the newer one still finds its own version afterwards."""
    file = tmp_path / "test.db"
    async with Database(file, NEWER):
        pass
    with pytest.raises(SettingError) as caught:
        await Database(file, SCHEMA).open()
    assert str(caught.value) == f"STORE_URL: {file} has schema 2, this program knows 1: start a newer one"
    assert version(file) == 2
    async with Database(file, NEWER) as again:
        await again.write(lambda connection: connection.execute("INSERT INTO item (size) VALUES (7)").rowcount)


@pytest.mark.parametrize("damage", [b"", b"no database, "], ids=["its beginning", "all of it"])
async def test_a_damaged_file_is_refused_and_not_touched(tmp_path: Path, damage: bytes) -> None:
    """What SQLite cannot read is left as it is for whoever can mend it, and one line names the file."""
    file = tmp_path / "test.db"
    async with Database(file, SCHEMA):
        pass
    whole = file.read_bytes()
    spoilt = damage * 500 if damage else b"x" * 100 + whole[100:]
    file.write_bytes(spoilt)
    with pytest.raises(SettingError) as caught:
        await Database(file, SCHEMA).open()
    assert str(caught.value) == f"STORE_URL: cannot use {file}: file is not a database"
    assert file.read_bytes() == spoilt


async def test_a_writer_that_cannot_open_its_file_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no file can be opened any more after the upgrade, the start ends: no write waits for a writer that died."""
    database, connect, left = Database(tmp_path / "test.db", SCHEMA), sqlite3.connect, threading.Semaphore(1)

    def only_once(path: Path, **options: bool) -> sqlite3.Connection:
        if not left.acquire(blocking=False):
            raise sqlite3.OperationalError("unable to open database file")
        return connect(path, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", only_once)
    with pytest.raises(SettingError, match="cannot use"):
        async with asyncio.timeout(30), database:
            await database.write(insert(1))


class FullDisk(io.StringIO):
    """Where nothing can be written."""

    def write(self, _: str) -> int:
        """Refuse, as a file on a full disk does."""
        raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("unmoved")
async def test_a_log_on_the_same_full_disk_does_not_end_the_writer(tmp_path: Path) -> None:
    """That the store fails cannot even be told: writes are refused and done again as if it had been."""
    file = tmp_path / "test.db"
    adopt(logger(FullDisk(), "info", "json"))
    try:
        async with asyncio.timeout(30), Database(file, SCHEMA) as database:
            await database.write(insert(1))
            with full_disk(file), pytest.raises(MeshError) as caught:
                await database.write(insert(2))
            assert caught.value.reason == "STORE_UNAVAILABLE"
            await database.write(insert(3))
    finally:
        structlog.reset_defaults()
    assert items(file) == [1, 3]
