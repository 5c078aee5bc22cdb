"""Somebody guesses at an account, and its owner goes on."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from parley_sdk import Client, ParleyError
from tests.journeys.mesh import Mesh, started
from tests.journeys.people import PASSWORD, People

TRIES = 5


@pytest.fixture(scope="module")
def guarded_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh where an account may be tried as often as usual."""
    settings = {"PARLEY_USER_THROTTLE_PER_ACCOUNT": str(TRIES)}
    with started(tmp_path_factory.mktemp("guarded") / "data", settings) as mesh:
        yield mesh


@pytest.fixture
async def people(guarded_mesh: Mesh, tmp_path: Path) -> AsyncIterator[People]:
    """Return people on it."""
    async with People(guarded_mesh.address, tmp_path) as made:
        yield made


async def _guess(address: str, username: str) -> str:
    """Try passwords at a name until it is refused without a look; the reason."""
    async with Client(address) as client:
        while True:
            try:
                await client.log_in(username, "a guess at it")
            except ParleyError as error:
                if error.reason != "BAD_CREDENTIALS":
                    return error.reason


async def test_the_owner_logs_in_while_somebody_guesses(people: People) -> None:
    """A device that was logged out comes back in the midst of it and has what it missed, also with a new password that
    it chose then; a device that the account does not know has to wait.
    """
    ann, bob = await people.users("ann", "bob")
    chat, phone = ann.chat_with(bob), ann.client
    await ann.say(chat, "before")
    await phone.log_out()
    await bob.say(chat, "while you were out")
    assert await _guess(people.address, ann.username) == "RATE_LIMITED"
    with pytest.raises(ParleyError) as refused:
        await people.another(ann)
    assert refused.value.reason == "RATE_LIMITED"
    await phone.log_in(ann.username, PASSWORD)
    await phone.wait_online()
    await ann.until_text(chat, "while you were out")
    await phone.change_password(PASSWORD, "quite another password")
    await phone.log_out()
    assert await _guess(people.address, ann.username) == "RATE_LIMITED"
    await phone.log_in(ann.username, "quite another password")
    await bob.say(chat, "and now")
    await phone.wait_online()
    await ann.until_text(chat, "and now")
