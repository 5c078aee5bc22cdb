"""Bad inputs of log-in, tokens, sessions, people and friends, each by its number.

Each gets its code over the wire, never INTERNAL or UNKNOWN, says nothing of what it was given, and the service answers
the next call quickly. Those that need a stream are in tests/svc_gateway: A42 in `test_sessions.py`, G40 and a part of
G39 in `test_presence.py`. What a forged token may look like besides is in `tests/mesh/test_tokens.py`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from svc_user.app import Settings
from svc_user.application.throttle import ThrottleSettings
from tests.svc_user.bad_accounts import AUTH
from tests.svc_user.bad_people import PEOPLE
from tests.svc_user.bad_scene import CANARY, PROBE_S, Bad, code_of, quick, scene
from tests.svc_user.world import CHEAP, World, running


@pytest.fixture
async def roomy(tmp_path: Path) -> AsyncIterator[World]:
    """A service that counts tries for an account and not for an address: here all have one."""
    settings = Settings(
        hashing=CHEAP, store_url=f"sqlite:{tmp_path / 'user.db'}", throttle=ThrottleSettings(per_address=0)
    )
    async with running(tmp_path, settings) as world:
        yield world


@pytest.mark.parametrize("inputs", [AUTH, PEOPLE], ids=["auth", "people"])
async def test_a_bad_input_gets_its_code(roomy: World, tmp_path: Path, inputs: dict[str, tuple[str, Bad]]) -> None:
    """The code of its number, nothing of it in the error or the log, and the next call is answered in time."""
    for number, (name, (expected, call)) in enumerate(inputs.items()):
        roomy.clock.advance(1)
        people = await scene(roomy, tmp_path, number)
        assert await code_of(call(people)) in expected.split(" "), name
        assert await quick(people) < PROBE_S, name
        assert CANARY not in roomy.output.getvalue(), name


def test_every_number_is_there() -> None:
    """A1 to A46 and G30 to G39, but for those that need a stream."""
    numbers = {name.split(" ")[0] for name in AUTH | PEOPLE}
    streams = {"A42"}
    assert numbers == {f"A{n}" for n in range(1, 47)} - streams | {f"G{n}" for n in range(30, 40)}
