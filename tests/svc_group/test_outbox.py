"""Entries that are owed to logs which are away."""

import asyncio
from pathlib import Path

import pytest

from parley.group.v1.group_service_pb2 import DissolveGroupRequest
from parley.group.v1.member_service_pb2 import KickMembersRequest
from svc_group.infrastructure import log
from tests.mongo.server import STORES, url_of
from tests.svc_group.test_edit import rename
from tests.svc_group.world import World, service, world


async def test_what_was_owed_comes_in_order_when_the_logs_are_back(mesh: World) -> None:
    """While the message service is away changes are answered; afterwards their entries come in order and once."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    mesh.logs.away = True
    for name in ("a", "b", "c"):
        await ann.do(mesh.groups.UpdateGroup, rename(group_id, name))
    assert len(mesh.logs.of(group_id)) == 1
    mesh.logs.away = False
    await mesh.logs.until(lambda: len(mesh.logs.of(group_id)) == 4)
    assert [content.group.name for content in mesh.logs.contents(group_id)[1:]] == ["a", "b", "c"]


@pytest.mark.parametrize("store", STORES)
async def test_what_an_earlier_process_owed_is_paid_by_the_next(store: str, tmp_path: Path) -> None:
    """Entries survive the end of the process that owed them, and ids of debts are not used again."""
    async with url_of(store, f"sqlite:{tmp_path}/group.db") as url, world(tmp_path, url) as made:
        async with service(made):
            ann, bob, eve = made.user(), made.user(), made.user()
            group_id = await ann.makes(bob, eve)
            made.logs.away = True
            await ann.do(made.members.KickMembers, KickMembersRequest(group_id=group_id, user_ids=[bob.id]))
        made.logs.away = False
        async with service(made):
            await made.logs.until(lambda: len(made.logs.memberships(group_id)) == 2)
            await ann.do(made.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id))
            assert made.logs.roles(group_id) == {}
            numbers = [entry.client_message_id for entry in made.logs.entries]
            assert numbers == sorted(set(numbers))


async def test_a_message_service_that_hangs_holds_nobody_up_for_long(
    mesh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is answered within seconds though its entries are not taken, and they come when it wakes."""
    monkeypatch.setattr(log, "SETTLE_S", 0.1)
    monkeypatch.setattr(log, "APPEND_S", 3_600.0)
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    mesh.logs.awake.clear()
    async with asyncio.timeout(30):
        await ann.do(mesh.groups.UpdateGroup, rename(group_id, "crew"))
    assert len(mesh.logs.of(group_id)) == 1
    mesh.logs.awake.set()
    await mesh.logs.until(lambda: len(mesh.logs.of(group_id)) == 2)
