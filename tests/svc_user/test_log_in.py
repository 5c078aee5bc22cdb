"""Log-in, through the service's own face."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.errors import Code
from parley.user.v1.session_pb2 import PLATFORM_IOS, PLATFORM_UNSPECIFIED, Device
from parley.user.v1.user_service_pb2 import (
    GetUserRequest,
    LogInRequest,
)
from svc_user.app import Settings
from svc_user.application.throttle import ThrottleSettings
from svc_user.domain.reasons import Reason
from svc_user.infrastructure.passwords import HashSettings
from tests.svc_user.devices import log_in_refused, refresh, sessions
from tests.svc_user.world import CHEAP, PASSWORD, PHONE, World, refused, running, until

OTHER_PASSWORD = "another good password"


async def test_a_log_in_opens_a_session_and_tells_the_other_devices(world: World) -> None:
    """The answer names device and session; the access token works; the personal log has the new session."""
    ada = await world.person("ada")
    opened = ada.opened
    assert (opened.device_id[0], opened.session.session_id[0], opened.session.current) == ("d", "s", True)
    assert opened.session.device == PHONE
    assert (await world.users.GetUser(GetUserRequest(), metadata=ada.auth)).user == opened.user
    await until(lambda: ("STARTED", opened.session.session_id) in world.log.session_notices(ada.id))
    assert world.log.services == {"user"}


async def test_a_device_keeps_its_id_and_has_one_session(world: World) -> None:
    """A device that logs in again keeps its id; its old session is over, for its tokens too."""
    first = await world.person("ada")
    second = await world.log_in("ada", device_id=first.opened.device_id)
    assert second.opened.device_id == first.opened.device_id
    assert await sessions(world, second) == [second.opened.session.session_id]
    error = await refused(refresh(world, first.opened.tokens.refresh_token, first.opened.device_id))
    assert error.reason == Reason.SESSION_REVOKED


async def test_somebody_elses_device_id_is_not_taken(world: World) -> None:
    """A device id of another user, or one that never was, gives a new one without a word."""
    ada, _ = await world.person("ada"), await world.register("bob")
    for device_id in (ada.opened.device_id, "d" + "0" * 15):
        bob = await world.log_in("bob", device_id=device_id)
        assert bob.opened.device_id not in ("", device_id)


async def test_a_repeated_log_in_names_the_same_session(world: World) -> None:
    """A lost answer leaves no second device: same request, same device and session, new tokens."""
    await world.register("ada")
    many = await asyncio.gather(*(world.log_in("ada", request_id="one") for _ in range(3)))
    assert len({person.opened.session.session_id for person in many}) == 1
    assert len({person.opened.tokens.refresh_token for person in many}) == 3
    assert len(await sessions(world, many[0])) == 1
    other = await world.log_in("ada", request_id="one", device=Device(platform=PLATFORM_IOS))
    assert other.opened.device_id != many[0].opened.device_id


async def test_wrong_passwords_and_unknown_names_get_one_answer(world: World) -> None:
    """Code, reason and words are the same, so that nobody learns which names exist."""
    await world.register("ada")
    wrong = await log_in_refused(world, password=OTHER_PASSWORD)
    unknown = await log_in_refused(world, username="nobody.at.all")
    assert (wrong.code, wrong.reason) == (Code.UNAUTHENTICATED, Reason.BAD_CREDENTIALS)
    assert (wrong.code, wrong.reason, wrong.message) == (unknown.code, unknown.reason, unknown.message)


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(tmp_path: Path) -> None:
    """The hash is computed in both cases: neither costs much less than the other."""
    settings = Settings(hashing=HashSettings(), store_url=f"sqlite:{tmp_path / 'user.db'}")
    async with running(tmp_path, settings) as world:
        await world.register("ada")

        async def seconds(username: str) -> float:
            began = time.process_time()
            error = await refused(world.log_in(username, password=OTHER_PASSWORD))
            assert error.reason == Reason.BAD_CREDENTIALS  # and not RATE_LIMITED, which hashes nothing
            return time.process_time() - began

        # The least of each, of this process alone: what else the machine does makes a log-in dearer and never cheaper.
        tries = ThrottleSettings().per_account
        wrong = min([await seconds("ada") for _ in range(tries)])
        unknown = min([await seconds("nobody.at.all") for _ in range(tries)])
    assert 0.4 < unknown / wrong < 2.5


@pytest.mark.parametrize(
    "fields",
    [{"password": ""}, {"password": "x" * 129}, {"password": "x" * 900_000}, {"request_id": ""}, {"device_id": "d1"}],
)
async def test_malformed_log_ins_are_refused(world: World, fields: dict[str, str]) -> None:
    """What breaks the rule of a field is refused before anything is hashed."""
    assert (await log_in_refused(world, **fields)).reason == Reason.INVALID_REQUEST


async def test_a_device_says_its_platform(world: World) -> None:
    """A device without a platform is refused."""
    request = LogInRequest(request_id="one", username="ada", password=PASSWORD)
    assert (await refused(world.users.LogIn(request))).reason == Reason.INVALID_REQUEST
    request.device.platform = PLATFORM_UNSPECIFIED
    assert (await refused(world.users.LogIn(request))).reason == Reason.INVALID_REQUEST


@pytest.mark.parametrize("username", ["ada", "nobody.at.all"])
async def test_the_sixth_log_in_of_a_minute_is_refused(world: World, username: str) -> None:
    """Five tries a minute for each name, whether it exists or not; the answer says when to come back."""
    await world.register("ada")
    for _ in range(5):
        await log_in_refused(world, username=username, password=OTHER_PASSWORD)
    error = await log_in_refused(world, username=username)
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert error.retry_after == pytest.approx(12, abs=0.1)


async def test_an_address_may_try_twenty_names_a_minute(world: World) -> None:
    """Trying one password on many names is stopped too."""
    for number in range(20):
        assert (await log_in_refused(world, username=f"name{number}")).reason == Reason.BAD_CREDENTIALS
    assert (await log_in_refused(world, username="ada")).reason == "RATE_LIMITED"


async def test_a_flood_of_log_ins_is_turned_away(tmp_path: Path) -> None:
    """Beyond the bounded queue of the hash a caller is sent away with a time, and the others are served."""
    hashing = HashSettings(threads=1, max_waiting=1)
    settings = Settings(hashing=hashing, store_url=f"sqlite:{tmp_path / 'user.db'}")
    async with running(tmp_path, settings) as world:
        errors = await asyncio.gather(*(log_in_refused(world, username=f"name{number}") for number in range(15)))
        overloaded = [error for error in errors if error.reason == Reason.OVERLOADED]
        assert overloaded
        assert len(overloaded) < 15
        assert all(error.code is Code.RESOURCE_EXHAUSTED and error.retry_after for error in overloaded)
        await world.person("ada")


async def test_the_hash_is_made_anew_when_its_parameters_change(tmp_path: Path) -> None:
    """A log-in after an upgrade keeps the password under the new parameters, and still works after that."""
    async with running(tmp_path) as world:
        await world.register("ada")
    stronger = Settings(hashing=replace(CHEAP, iterations=2), store_url=f"sqlite:{tmp_path / 'user.db'}")
    async with running(tmp_path, stronger) as world:
        for _ in range(2):
            await world.log_in("ada")
