"""Accounts that administrators erase: what others see, and what is left."""

from pathlib import Path

from parley.admin.v1 import user_admin_service_pb2 as pb
from parley.user.v1.user_pb2 import USER_STATE_DELETED
from parley.user.v1.user_service_pb2 import GetUserRequest, UpdateProfileRequest
from svc_user.app import Settings
from svc_user.domain.reasons import Reason
from tests.svc_user.devices import log_in_refused
from tests.svc_user.friendships import befriend
from tests.svc_user.world import CHEAP, World, refused, running, until


async def test_a_friend_sees_a_deleted_user_and_the_name_stays_taken(world: World) -> None:
    """Friendships end, the profile is empty, nobody gets the name, and other services are told until they answer."""
    root, ada, bob = await world.administrator("root.one"), await world.person("ada"), await world.person("bob")
    await befriend(world, ada, bob)
    world.groups.away = True
    request = pb.EraseUserRequest(user_id=ada.id, reason="asked by letter")
    for ended in (1, 0):
        assert (await world.admin.EraseUser(request, metadata=root.auth)).ended_sessions == ended
    shown = (await world.users.GetUser(GetUserRequest(user_id=ada.id), metadata=bob.auth)).user
    assert (shown.username, shown.profile.display_name, shown.state) == ("", "", USER_STATE_DELETED)
    await until(lambda: world.groups.asked > 0)
    assert world.log.forgotten == []
    counters = (await world.admin.GetUser(pb.GetUserRequest(user_id=bob.id), metadata=root.auth)).counters
    assert (counters.friends, counters.live_sessions) == (0, 1)
    assert (await refused(world.register("ada"))).reason == Reason.USERNAME_TAKEN
    assert (await log_in_refused(world, "ada")).reason == Reason.BAD_CREDENTIALS
    assert (await log_in_refused(world, ada.id)).reason == Reason.BAD_CREDENTIALS
    world.groups.away = False
    again = await world.person("eve")
    await world.admin.EraseUser(pb.EraseUserRequest(user_id=again.id, reason="spam"), metadata=root.auth)
    await until(lambda: {ada.id, again.id} <= set(world.groups.forgotten) & set(world.log.forgotten), 12)


async def test_nothing_of_the_profile_is_left_in_the_file(tmp_path: Path) -> None:
    """After an erasure neither the name nor any word of profile, device or greeting is in any file of the store."""
    words = ("zanzibar_user", "Zanzibarine", "Quixotic biography", "Timbuktuland", "1987-06-05")
    async with running(tmp_path, Settings(hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}")) as world:
        root = await world.administrator("root.one")
        await world.register("zanzibar_user", display_name="Older Zanzibarine")
        ada = await world.log_in("zanzibar_user")
        update = UpdateProfileRequest()
        update.update_mask.paths[:] = ["display_name", "bio", "region", "birthday"]
        update.profile.display_name, update.profile.bio = words[1:3]
        update.profile.region, update.profile.birthday = words[3:5]
        await world.users.UpdateProfile(update, metadata=ada.auth)
        await world.settled()
        assert all(found(tmp_path, word) for word in words)
        request = pb.EraseUserRequest(user_id=ada.id, reason="asked by letter")
        await world.admin.EraseUser(request, metadata=root.auth)
        await until(lambda: world.log.forgotten == [ada.id])
        assert [word for word in (*words, "phone") if found(tmp_path, word)] == ["phone"], "root has a phone too"
        assert found(tmp_path, "root.one")


def found(folder: Path, word: str) -> bool:
    """Whether a file of the store holds this."""
    return any(word.encode() in file.read_bytes() for file in folder.glob("user.db*"))
