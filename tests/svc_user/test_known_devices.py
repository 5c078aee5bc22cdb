"""Whoever guesses at an account keeps its owner's devices out of nothing, and guesses no more often than before."""

import asyncio
from pathlib import Path

import pytest

from mesh.errors import Code, MeshError
from parley.user.v1.user_service_pb2 import ChangePasswordRequest, DeleteAccountRequest, GetUserRequest
from svc_user.app import Settings
from svc_user.domain.reasons import Reason
from svc_user.infrastructure.passwords import HashSettings
from tests.svc_user.devices import OTHER_PASSWORD, log_in_refused
from tests.svc_user.world import PASSWORD, PHONE, Person, World, refused, running


async def _known(world: World, username: str = "ada") -> Person:
    """Somebody who was logged in a while ago."""
    person = await world.person(username)
    world.clock.advance(60)
    return person


async def _guess_until_refused(world: World, username: str = "ada", *, address: bool = False) -> None:
    """Somebody tries passwords at a name, or with `address` at many, until they are turned away."""
    names = [f"name{number}" for number in range(20)] if address else [username] * 5
    for name in names:
        assert (await log_in_refused(world, name, "a guess at it")).reason == Reason.BAD_CREDENTIALS
    assert (await log_in_refused(world, username)).reason == "RATE_LIMITED"


def _named(person: Person) -> dict[str, str]:
    return {"device_id": person.opened.device_id, "device_key": person.opened.device_key}


async def _again(world: World, person: Person) -> Person:
    opened = person.opened
    return await world.log_in(person.username, device_id=opened.device_id, device_key=opened.device_key)


async def _try(world: World, person: Person, password: str, **named: str) -> MeshError:
    fields = {**_named(person), **named}
    return await refused(world.log_in(person.username, device=PHONE, password=password, **fields))


async def _change(world: World, person: Person, old: str, new: str) -> str:
    request = ChangePasswordRequest(old_password=old, new_password=new)
    return (await world.users.ChangePassword(request, metadata=person.auth)).device_key


@pytest.mark.parametrize("address", [False, True])
async def test_a_known_device_gets_in_while_somebody_guesses(world: World, *, address: bool) -> None:
    """With the key of its last log-in a device is let in, whatever others tried at the account or from the address."""
    ada = await _known(world)
    await _guess_until_refused(world, address=address)
    again = await _again(world, ada)
    assert again.opened.device_id == ada.opened.device_id
    assert again.opened.device_key == ada.opened.device_key
    assert (await log_in_refused(world)).reason == "RATE_LIMITED"


async def test_a_key_opens_nothing_and_is_good_for_five_tries(world: World) -> None:
    """Whoever has taken a device guesses as often as a stranger, and what they try keeps no other device out."""
    ada = await _known(world)
    tablet = await world.log_in("ada")
    for _ in range(5):
        assert (await _try(world, ada, OTHER_PASSWORD)).reason == Reason.BAD_CREDENTIALS
    error = await _try(world, ada, PASSWORD)
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert error.retry_after == pytest.approx(12, abs=0.1)
    await _again(world, tablet)


async def test_all_known_devices_of_an_account_try_no_more_than_an_address(world: World) -> None:
    """However many devices somebody has made known, their tries are twenty a minute together."""
    devices = [await _known(world)]
    for _ in range(4):
        devices.append(await world.log_in("ada"))
        world.clock.advance(60)
    for device in devices[:4]:
        for _ in range(5):
            assert (await _try(world, device, OTHER_PASSWORD)).reason == Reason.BAD_CREDENTIALS
    assert (await _try(world, devices[4], PASSWORD)).reason == "RATE_LIMITED"


async def test_what_proves_nothing_counts_as_a_stranger(world: World) -> None:
    """No key, an invented one, that of another account or of another device: each counts at the account, and says so in
    the same words whether the account exists or not.
    """
    ada, bob = await _known(world), await _known(world, "bob")
    tablet = await world.log_in("ada")
    world.clock.advance(60)
    worthless = (
        {"device_key": ""},
        {"device_key": "0" * 64},
        {"device_key": ada.opened.device_key.upper()},
        _named(bob),
        {"device_id": tablet.opened.device_id},
        {"device_id": ""},
    )
    await _guess_until_refused(world)
    seen = {str(await _try(world, ada, PASSWORD, **named)) for named in worthless}
    world.clock.advance(60)
    await _guess_until_refused(world, "nobody.at.all")
    unknown = Person("nobody.at.all", ada.opened)
    seen |= {str(await _try(world, unknown, PASSWORD, **named)) for named in worthless}
    assert len(seen) == 1, seen
    assert "RATE_LIMITED" in seen.pop()
    too_long = await _try(world, ada, PASSWORD, device_key="0" * 129)
    assert too_long.reason == Reason.INVALID_REQUEST


async def test_a_new_password_makes_older_keys_worth_nothing(world: World) -> None:
    """Who knew the old password has no tries of their own any more; the device that changed it has."""
    ada = await _known(world)
    key = await _change(world, ada, PASSWORD, OTHER_PASSWORD)
    await _guess_until_refused(world)
    assert (await _try(world, ada, OTHER_PASSWORD)).reason == "RATE_LIMITED"
    again = await world.log_in("ada", password=OTHER_PASSWORD, device_id=ada.opened.device_id, device_key=key)
    assert again.opened.device_key == key


async def test_guesses_of_others_keep_no_owner_from_a_new_password_or_the_end_of_the_account(world: World) -> None:
    """What a device does that is logged in is not counted with what strangers try at its account."""
    ada = await _known(world)
    await _guess_until_refused(world)
    await _change(world, ada, PASSWORD, OTHER_PASSWORD)
    await world.users.DeleteAccount(DeleteAccountRequest(password=OTHER_PASSWORD), metadata=ada.auth)
    assert (await refused(world.users.GetUser(GetUserRequest(), metadata=ada.auth))).reason == Reason.SESSION_REVOKED


async def test_a_stolen_session_guesses_as_often_as_a_stranger(world: World) -> None:
    """Five old passwords a minute may be tried, with a deletion counted as a change."""
    ada = await _known(world)
    for _ in range(4):
        error = await refused(_change(world, ada, "a guess at it", OTHER_PASSWORD))
        assert error.reason == Reason.BAD_CREDENTIALS
    wrong = DeleteAccountRequest(password="another guess")
    assert (await refused(world.users.DeleteAccount(wrong, metadata=ada.auth))).reason == Reason.BAD_CREDENTIALS
    assert (await refused(_change(world, ada, PASSWORD, OTHER_PASSWORD))).reason == "RATE_LIMITED"


async def test_a_flood_of_strangers_keeps_no_known_device_out(tmp_path: Path) -> None:
    """While the queue of the hash is full of log-ins from elsewhere, a known device is served beside it."""
    hashing = HashSettings(threads=1, max_waiting=2)
    settings = Settings(hashing=hashing, store_url=f"sqlite:{tmp_path / 'user.db'}")
    async with running(tmp_path, settings) as world:
        ada = await _known(world)
        overloaded, stop = asyncio.Event(), asyncio.Event()

        async def flood(number: int) -> None:
            tries = 0
            while not stop.is_set():
                tries += 1
                error = await log_in_refused(world, f"name{number}.{tries}", OTHER_PASSWORD)
                world.clock.advance(10)
                if error.reason == Reason.OVERLOADED:
                    overloaded.set()

        floods = [asyncio.create_task(flood(number)) for number in range(8)]
        await asyncio.wait_for(overloaded.wait(), 30)
        for _ in range(5):
            await _again(world, ada)
        stop.set()
        await asyncio.gather(*floods)
