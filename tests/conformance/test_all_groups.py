"""One suite for every store of all groups: what `svc_group.domain.oversight.AllGroups` promises."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.settings import Secret
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, GroupLimits, Settings, UserId
from svc_group.domain.oversight import Wanted
from svc_group.domain.ports import Decision, Need, Scene
from svc_group.infrastructure.store import Store, open_store
from tests.mongo.server import STORES, url_of

NOW = 1_800_000_000_000


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Each adapter in turn, empty."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'group.db'}") as url,
        open_store(url, Secret(), FakeClock(NOW)) as store,
    ):
        yield store


def keep(group: Group, _: Scene) -> Decision[None]:
    """Decide that there is this group."""
    return Decision(None, Change(group=group))


async def found(store: Store, wanted: Wanted) -> list[str]:
    """The names that are found."""
    return [group.settings.name for group in await store.all_groups.find(wanted)]


async def test_groups_are_found_by_name_and_owner(store: Store) -> None:
    """The newest first, page by page; signs that mean something to a database mean nothing."""
    for number, (name, owner) in enumerate((("Tea 100%", "u1"), ("tea_club", "u2"), ("Coffee", "u1"))):
        group = Group(GroupId(f"g{number:015}"), Settings(name), UserId(owner), 0, NOW, limits=GroupLimits(number))
        await store.groups.change(Need(group.id), partial(keep, group))
    assert await found(store, Wanted()) == ["Coffee", "tea_club", "Tea 100%"]
    assert await found(store, Wanted("TEA")) == ["tea_club", "Tea 100%"]
    assert await found(store, Wanted("%")) == ["Tea 100%"]
    assert await found(store, Wanted("_")) == ["tea_club"]
    assert await found(store, Wanted(".*")) == []
    assert await found(store, Wanted(owner_id="u1", limit=1)) == ["Coffee"]
    assert await found(store, Wanted(before_id=f"g{1:015}")) == ["Tea 100%"]
    [coffee] = await store.all_groups.find(Wanted("Coffee"))
    assert (coffee.owner_id, coffee.limits) == ("u1", GroupLimits(2))
