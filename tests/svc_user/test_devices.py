"""Devices: their names, how many there may be, and why their sessions end, through the service's own face."""

from pathlib import Path

import pytest

from mesh.broker import Lost, node_topic
from mesh.errors import Code
from mesh.registry import Node
from mesh.routes import Routes
from mesh.settings import SettingError
from parley.directory.v1 import directory_service_pb2 as directory
from parley.event.v1.event_pb2 import NodeEvent
from parley.user.v1.session_pb2 import (
    PLATFORM_ANDROID,
    PLATFORM_HEADLESS,
    PLATFORM_IOS,
    PLATFORM_LINUX,
    PLATFORM_MACOS,
    PLATFORM_WEB,
    PLATFORM_WINDOWS,
    Device,
    SessionEnd,
)
from parley.user.v1.user_service_pb2 import (
    ChangePasswordRequest,
    ListSessionsRequest,
    LogOutRequest,
    RenameDeviceRequest,
    RevokeSessionRequest,
)
from svc_user.app import DeviceSettings, Settings
from svc_user.domain.reasons import Reason
from tests.svc_user.devices import OTHER_PASSWORD, refresh, sessions
from tests.svc_user.world import CHEAP, PASSWORD, Person, World, refused, running, until

EVERY = (
    PLATFORM_IOS,
    PLATFORM_ANDROID,
    PLATFORM_WEB,
    PLATFORM_MACOS,
    PLATFORM_WINDOWS,
    PLATFORM_LINUX,
    PLATFORM_HEADLESS,
)


async def rename(world: World, who: Person, name: str, session_id: str = "") -> str:
    """Give a device another name; return the one it has."""
    request = RenameDeviceRequest(session_id=session_id, name=name)
    return (await world.users.RenameDevice(request, metadata=who.auth)).session.device.name


async def ends(world: World, *people: Person) -> list[str]:
    """Why the sessions of these log-ins ended, as services are told."""
    ids = [one.opened.session.session_id for one in people]
    answer = await world.directory.CheckSessions(
        directory.CheckSessionsRequest(session_ids=ids), metadata=world.as_service
    )
    told = {one.session_id: SessionEnd.Name(one.end)[12:] for one in answer.ended}
    return [told.get(session_id, "") for session_id in ids]


async def test_a_device_is_renamed_from_any_device(world: World) -> None:
    """The calling one without an id, another one with it; all devices are told, and the same name again is no news."""
    phone = await world.person("ada")
    tablet = await world.log_in("ada")
    assert await rename(world, phone, " Ada's phone ") == "Ada's phone"
    for _ in range(2):
        assert await rename(world, phone, "Kitchen", tablet.opened.session.session_id) == "Kitchen"
    listed = await world.users.ListSessions(ListSessionsRequest(), metadata=tablet.auth)
    assert {one.device.name for one in listed.sessions} == {"Ada's phone", "Kitchen"}
    await world.settled()
    notices = [entry.content.session for entry in world.log.of(phone.id)]
    assert [one.device_name for one in notices if one.kind == one.KIND_RENAMED] == ["Ada's phone", "Kitchen"]


async def test_only_ones_own_live_devices_are_renamed(world: World) -> None:
    """Somebody else's, an unknown and an ended one are not there, and a name that nobody can see is none."""
    ada, bob = await world.people("ada", "bob")
    old = await world.log_in("ada")
    await world.users.RevokeSession(RevokeSessionRequest(session_id=old.opened.session.session_id), metadata=ada.auth)
    for name, session_id in (
        ("mine", bob.opened.session.session_id),
        ("mine", "s" + "0" * 15),
        ("mine", old.opened.session.session_id),
        (old.opened.session.device.name, old.opened.session.session_id),
    ):
        error = await refused(rename(world, ada, name, session_id))
        assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.SESSION_NOT_FOUND)
    for name in ("", "x" * 65, "a\nb", "a\u202eb", " \u200b "):
        assert (await refused(rename(world, ada, name))).reason == Reason.INVALID_REQUEST


async def test_the_list_says_which_devices_are_connected(world: World) -> None:
    """A device that holds a stream comes first and was seen now."""
    phone = await world.person("ada")
    world.clock.advance(60)
    tablet = await world.log_in("ada")
    world.clock.advance(60)
    await Routes(world.routes._kv, world.clock, "node-1", "boot-1").attach(phone.id, phone.opened.device_id)
    listed = (await world.users.ListSessions(ListSessionsRequest(), metadata=tablet.auth)).sessions
    assert [(one.device_id, one.connected) for one in listed] == [
        (phone.opened.device_id, True),
        (tablet.opened.device_id, False),
    ]
    assert listed[0].last_seen_at_ms - listed[1].last_seen_at_ms == 60_000


@pytest.mark.parametrize(
    "policy, left",
    [
        ("all", EVERY),
        ("one-per-platform", EVERY),
        ("one-per-kind", (PLATFORM_ANDROID, PLATFORM_WEB, PLATFORM_LINUX, PLATFORM_HEADLESS)),
        ("newest-only", (PLATFORM_HEADLESS,)),
    ],
)
async def test_the_installation_says_which_devices_may_be_logged_in(
    tmp_path: Path, policy: str, left: tuple[int, ...]
) -> None:
    """One device of each platform logs in after the other; then a second one of the last, which `all` alone lets."""
    settings = Settings(
        hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}", devices=DeviceSettings(policy=policy)
    )
    async with running(tmp_path, settings) as world:
        await world.register("ada")
        people = []
        for platform in EVERY:
            people.append(await world.log_in("ada", device=Device(platform=platform)))
            world.clock.advance(13)
        listed = (await world.users.ListSessions(ListSessionsRequest(), metadata=people[-1].auth)).sessions
        assert {one.device.platform for one in listed} == set(left)
        again = await world.log_in("ada", device=Device(platform=PLATFORM_HEADLESS))
        kept = await sessions(world, again)
        assert (people[-1].opened.session.session_id in kept) == (policy == "all")
        if policy != "all":
            assert await ends(world, people[-1]) == ["DISPLACED"]
            await until(
                lambda: ("DISPLACED", people[-1].opened.session.session_id) in world.log.session_notices(again.id)
            )


async def test_a_policy_that_does_not_exist_stops_the_start(tmp_path: Path) -> None:
    """An operator is told which there are."""
    settings = Settings(
        hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}", devices=DeviceSettings(policy="three")
    )
    with pytest.raises(SettingError, match="newest-only"):
        async with running(tmp_path, settings):
            pass


async def test_a_user_has_so_many_sessions_and_no_more(world: World) -> None:
    """Over all platforms the one unseen for longest makes room for the twenty-first."""
    await world.register("ada")
    people = []
    for number in range(21):
        people.append(await world.log_in("ada", device=Device(platform=EVERY[number % len(EVERY)])))
        world.clock.advance(13)
    assert len(await sessions(world, people[-1])) == 20
    assert await ends(world, *people[:2]) == ["DISPLACED", ""]


async def test_why_a_session_ended_is_told(world: World) -> None:
    """Services and the device itself, when it refreshes, learn whether it was ended, logged out, or pushed out."""
    first = await world.person("ada")
    world.clock.advance(30)
    out, revoked, replayed, old = [await world.log_in("ada", device=Device(platform=p)) for p in EVERY[2:6]]
    await world.users.LogOut(LogOutRequest(), metadata=out.auth)
    await world.users.RevokeSession(
        RevokeSessionRequest(session_id=revoked.opened.session.session_id), metadata=first.auth
    )
    token, device = replayed.opened.tokens.refresh_token, replayed.opened.device_id
    await refresh(world, (await refresh(world, token, device)).refresh_token, device)
    await refused(refresh(world, token, device))
    change = ChangePasswordRequest(old_password=PASSWORD, new_password=OTHER_PASSWORD)
    await world.users.ChangePassword(change, metadata=first.auth)
    expected = ["LOGGED_OUT", "REVOKED", "TOKEN_REPLAYED", "PASSWORD_CHANGED", ""]
    assert await ends(world, out, revoked, replayed, old, first) == expected
    for person, why in ((revoked, "REVOKED"), (old, "PASSWORD_CHANGED")):
        error = await refused(refresh(world, person.opened.tokens.refresh_token, person.opened.device_id))
        assert (error.reason, error.metadata["end"]) == (Reason.SESSION_REVOKED, why)


async def test_gateways_are_told_why(world: World) -> None:
    """The word that closes a stream says for what reason."""
    ada = await world.person("ada")
    async with (
        world.registry.register("gateway", Node("gateway-2", "boot-2", "nowhere")),
        world.broker.subscribe(node_topic("gateway-2", "boot-2")) as events,
    ):
        await world.users.LogOut(LogOutRequest(), metadata=ada.auth)
        payload = await anext(aiter(events))
    assert not isinstance(payload, Lost)
    [revocation] = NodeEvent.FromString(payload).revocations
    assert revocation.end == SessionEnd.SESSION_END_LOGGED_OUT
