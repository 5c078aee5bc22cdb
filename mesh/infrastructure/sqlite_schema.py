"""Bring an SQLite file to the newest schema.

A schema is a list of steps, each some statements with `;` between them. A step is never changed once released, only
followed by another. How many of them a file has had is its `PRAGMA user_version`.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from mesh.settings import SettingError


def migrate(connection: sqlite3.Connection, path: Path, schema: Sequence[str]) -> None:
    """Take the steps that the file has not had, in one transaction. Raises SettingError for one of a newer schema."""
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(schema):  # an older program would leave rows that the newer one does not expect
        raise SettingError(
            f"STORE_URL: {path} has schema {version}, this program knows {len(schema)}: start a newer one"
        )
    for step in schema[version:]:
        for statement in _statements(step):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(schema)}")
    connection.execute("COMMIT")


def _statements(step: str) -> list[str]:
    """The statements of a migration step: a `;` ends one where SQLite says so, and not inside a trigger."""
    statements = [""]
    for piece in step.split(";"):
        statements[-1] += piece + ";"
        if sqlite3.complete_statement(statements[-1]):
            statements.append("")
    return [statement for statement in statements if statement.strip("; \n")]
