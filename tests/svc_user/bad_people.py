"""Bad inputs of people and friends, each by its number, with the code that it gets."""

from google.protobuf.field_mask_pb2 import FieldMask

from parley.user.v1.user_pb2 import Profile
from parley.user.v1.user_service_pb2 import FindUsersRequest, UpdateProfileRequest
from tests.svc_user.bad_scene import CANARY, IA, NF, OK, Bad, Scene
from tests.svc_user.friendships import answer, ask
from tests.svc_user.test_directory import visible


def _found(query: str) -> Bad:
    """A search that is text and finds nobody."""

    async def find(scene: Scene) -> object:
        request = FindUsersRequest(query=query, prefix=True)
        found = await scene.world.users.FindUsers(request, metadata=scene.ada.auth)
        assert not found.users
        return found

    return find


def _profile(path: str, value: str) -> Bad:
    request = UpdateProfileRequest(profile=Profile(**{path: value}), update_mask=FieldMask(paths=[path]))
    return lambda scene: scene.world.users.UpdateProfile(request, metadata=scene.ada.auth)


async def _asked_twice(scene: Scene) -> object:
    first = (await ask(scene.world, scene.ada, scene.bob.id)).request
    again = (await ask(scene.world, scene.ada, scene.bob.id)).request
    assert first.friend_request_id == again.friend_request_id
    return again


async def _accepted_for_another(scene: Scene) -> object:
    request = (await ask(scene.world, scene.ada, scene.bob.id)).request
    return await answer(scene.world, scene.eve, request, accept=True)


async def _presence_of_a_stranger(scene: Scene) -> object:
    assert await visible(scene.world, scene.eve, scene.ada.id) == []
    return None


PEOPLE: dict[str, tuple[str, Bad]] = {
    "G30 search $where": (OK, _found("$where")),
    "G30 search $ne": (OK, _found('{"$ne":1}')),
    "G30 search OR 1=1": (OK, _found("' OR 1=1")),
    "G31 search (a+)+$": (OK, _found("(a+)+$")),
    "G32 search 1 char": (
        IA,
        lambda s: s.world.users.FindUsers(FindUsersRequest(query="a"), metadata=s.ada.auth),
    ),
    "G33 friend self": (IA, lambda s: ask(s.world, s.ada, s.ada.id)),
    "G34 friend twice": (OK, _asked_twice),
    "G35 accept another's request": (NF, _accepted_for_another),
    "G36 avatar javascript:": (IA, _profile("avatar_media_id", f"javascript:{CANARY}")),
    "G37 display name NUL": (IA, _profile("display_name", f"{CANARY}\0")),
    "G37 display name newline": (IA, _profile("display_name", f"{CANARY}\nb")),
    "G38 birthday 9999": (IA, _profile("birthday", "9999-01-01")),
    "G38 birthday -1": (IA, _profile("birthday", "-1")),
    "G39 presence of a stranger": (OK, _presence_of_a_stranger),
}
