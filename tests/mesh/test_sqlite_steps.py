"""How a file is found, made, brought forward and let go."""

import sqlite3
from pathlib import Path

import pytest

from mesh.infrastructure.sqlite import Database, path_of
from mesh.settings import SettingError
from tests.mesh import sqlite_file
from tests.mesh.sqlite_file import SCHEMA, ask, insert, items

CANARY = "canary_8d1f"


file = sqlite_file.file


async def test_an_older_file_is_brought_forward(file: Path) -> None:
    """A new version of a service runs the steps that are missing, and keeps what is there."""
    async with Database(file, SCHEMA) as older:
        await older.write(insert(1))
    steps = (*SCHEMA, "ALTER TABLE item ADD COLUMN size INTEGER NOT NULL DEFAULT 5; CREATE INDEX sizes ON item (size)")
    async with Database(file, steps) as newer:
        await newer.write(insert(2))
    assert items(file) == [1, 2]
    assert ask(file, "SELECT size FROM item INDEXED BY sizes WHERE size = 5") == [5, 5]
    assert ask(file, "PRAGMA user_version") == [2]


async def test_a_step_runs_once(file: Path) -> None:
    """Opening a file again changes nothing in it."""
    steps = (*SCHEMA, "INSERT INTO item DEFAULT VALUES")
    for _ in range(3):
        async with Database(file, steps):
            assert items(file) == [1]


async def test_a_step_may_hold_a_trigger(file: Path) -> None:
    """Statements end where SQLite says so: a trigger is one with all that it holds, and what follows it is done."""
    trigger = "CREATE TRIGGER one AFTER DELETE ON item BEGIN DELETE FROM gone; INSERT INTO gone VALUES (old.id); END"
    step = f"CREATE TABLE gone (id INTEGER); {trigger}; CREATE TABLE last (id INTEGER)"
    async with Database(file, (*SCHEMA, step)) as database:
        await database.write(insert(7, 8))
        await database.write(lambda connection: connection.execute("DELETE FROM item WHERE id = 7").rowcount)
        found = await database.read(lambda connection: connection.execute("SELECT id FROM gone").fetchall())
        assert found == [(7,)]
        assert await database.read(lambda connection: connection.execute("SELECT * FROM last").fetchall()) == []


async def test_a_step_that_fails_leaves_the_file_as_it_was(file: Path) -> None:
    """An upgrade that cannot be done is undone as a whole, and may be tried again."""
    async with Database(file, SCHEMA):
        pass
    with pytest.raises(SettingError, match="cannot use"):
        await Database(file, (*SCHEMA, "INSERT INTO item VALUES (1)", "CREATE TABLE a (b); DROP TABLE c")).open()
    assert (items(file), ask(file, "PRAGMA user_version")) == ([], [1])
    async with Database(file, (*SCHEMA, "INSERT INTO item VALUES (1)", "CREATE TABLE a (b)")):
        assert (items(file), ask(file, "PRAGMA user_version")) == ([1], [3])


async def test_a_database_that_was_never_opened_can_be_closed(file: Path) -> None:
    """A start that fails half way is taken down without an error, and leaves no file."""
    await Database(file, SCHEMA).close()
    with pytest.raises(sqlite3.OperationalError):
        items(file)


@pytest.mark.parametrize("url, path", [("sqlite:var/a.db", "var/a.db"), ("sqlite:/srv/a:b.db", "/srv/a:b.db")])
def test_a_store_url_names_a_file(url: str, path: str) -> None:
    """All behind the scheme is the path, relative or absolute."""
    assert path_of(url) == Path(path)


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite:", "SQLITE:a.db", "var/a.db", f"mongodb://u:{CANARY}@host/db"])
def test_another_store_url_is_refused(url: str) -> None:
    """Only sqlite:<path> is served; the error tells that and not the value, which may hold a password."""
    with pytest.raises(SettingError, match="sqlite:<path>") as caught:
        path_of(url)
    assert CANARY not in str(caught.value)
