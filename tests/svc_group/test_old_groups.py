"""Groups that were kept before groups had limits of their own."""

from dataclasses import replace
from pathlib import Path

from mesh.clock import FakeClock
from mesh.infrastructure import sqlite_outbox
from mesh.infrastructure.sqlite import Database
from mesh.settings import Secret
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, GroupLimits, Settings, UserId
from svc_group.domain.ports import Decision, Need
from svc_group.infrastructure.mongo import documents
from svc_group.infrastructure.sqlite import SCHEMA
from svc_group.infrastructure.store import open_store

TEAM = Group(GroupId("g" + "1" * 15), Settings("team"), UserId("u" + "a" * 15), 0, 7)
OLD = """
    INSERT INTO team VALUES ('g111111111111111', '{"name": "team"}', 'uaaaaaaaaaaaaaaa', 0, 7, 1, 1, '', 0, 1)
"""


async def test_a_file_from_before_is_read_and_changed(tmp_path: Path) -> None:
    """Its groups have the limits of the installation, and take some of their own."""
    file = tmp_path / "group.db"
    async with Database(file, SCHEMA[: SCHEMA.index(sqlite_outbox.SCHEMA) + 2]) as before:
        await before.write(lambda connection: connection.execute(OLD).rowcount)
    limited = replace(TEAM, limits=GroupLimits(member_limit=5))
    async with open_store(f"sqlite:{file}", Secret(), FakeClock()) as store:
        assert await store.groups.look(Need(TEAM.id), lambda scene: scene.group) == TEAM
        await store.groups.change(Need(TEAM.id), lambda _: Decision(None, Change(limited)))
        assert await store.groups.look(Need(TEAM.id), lambda scene: scene.group) == limited


def test_a_document_from_before_is_read() -> None:
    """It has no field for limits."""
    kept = documents.team(TEAM)
    del kept["limits"]
    assert documents.group({"group": kept}) == TEAM
