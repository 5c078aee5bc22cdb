"""What a send costs in a group of 10,000 members."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import GroupMember, MembershipChange
from svc_message.domain.conversation import ConversationId, Membership
from svc_message.infrastructure.sqlite import SqliteMembers
from tests.svc_message import groups
from tests.svc_message.device import new_device, post
from tests.svc_message.world import World

MEMBERS = 10_000
CHUNK = 1_000


def count_writes(database: Path) -> None:
    """Let the file itself count each row that anybody writes from now on, by table."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'")
        ]
        connection.execute("CREATE TABLE written (name TEXT NOT NULL)")
        for table in tables:
            for act in ("INSERT", "UPDATE", "DELETE"):
                connection.execute(
                    f"CREATE TRIGGER {act}_{table} AFTER {act} ON {table} BEGIN "  # noqa: S608 - names of ours
                    f"INSERT INTO written VALUES ('{table}'); END"
                )
        connection.commit()


def written(database: Path) -> Counter[str]:
    """How many rows were written since then."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        return Counter(name for (name,) in connection.execute("SELECT name FROM written"))


async def test_a_refusal_reads_no_members(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is muted cannot have all members read for each message that they try; who is let again may write at once."""
    owner, ann = [await new_device(mesh).connect() for _ in range(2)]
    team = await groups.make(mesh, owner, ann)
    await groups.update(mesh, team, ann, muted_until_ms=2**62)
    assert await ann.refused(post(team)) == "MUTED"
    read, of_conversation = Counter[str](), SqliteMembers.of_conversation

    async def counted(members: SqliteMembers, conversation_id: ConversationId) -> list[Membership]:
        read[conversation_id] += 1
        return await of_conversation(members, conversation_id)

    monkeypatch.setattr(SqliteMembers, "of_conversation", counted)
    for _ in range(5):
        assert await ann.refused(post(team)) == "MUTED"
    assert not read
    await groups.update(mesh, team, ann, muted_until_ms=0)
    assert await ann.seqs(post(team))


async def test_a_send_writes_one_row_however_large_the_group(mesh: World) -> None:
    """In a group of 10,000 a message is one row of the log and nothing for any member; members came in ten entries."""
    owner, ann = [await new_device(mesh).connect() for _ in range(2)]
    team = await groups.make(mesh, owner, ann)
    others = [mesh.ids.new("u") for _ in range(MEMBERS - 2)]
    for start in range(0, len(others), CHUNK):
        added = [GroupMember(user_id=user_id, role=groups.MEMBER) for user_id in others[start : start + CHUNK]]
        change = MembershipChange(cause=MembershipChange.CAUSE_INVITED, added=added)
        await groups.append(mesh, team, Content(membership=change))
    # Its first message also makes the sender's device known to the store.
    await ann.seqs(post(team))
    await owner.entry(team, 12)
    count_writes(mesh.database)
    assert await ann.seqs(post(team), post(team)) == [13, 14]
    await owner.entry(team, 14)
    assert written(mesh.database) == {"entry": 2}
    # A membership change writes for those whom it concerns.
    await groups.update(mesh, team, ann, role=groups.ADMIN)
    assert written(mesh.database)["member"] == 1
