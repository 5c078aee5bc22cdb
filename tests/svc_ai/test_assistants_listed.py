"""The list of an installation that has several assistants."""

import pytest
import structlog
from opentelemetry.metrics import NoOpMeter

from mesh import page_tokens
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.telemetry import Telemetry
from svc_ai.application.assistants import LISTED, Assistants
from svc_ai.domain.assistant import Profile
from svc_ai.infrastructure.journal import TelemetryJournal

NAMES = ("Cyd", "Ada", "Bob")


class Accounts:
    """A user service that has given them accounts."""

    async def ensure(self, profile: Profile) -> str:
        """The account of an assistant."""
        return f"u{profile.username:0>15}"


@pytest.fixture
async def listed() -> Assistants:
    profiles = [Profile(name.lower(), name) for name in NAMES]
    journal = TelemetryJournal(Telemetry(structlog.get_logger(), NoOpMeter("test"), None))
    made = Assistants(profiles, Accounts(), journal, FakeClock())
    await made.ensure()
    return made


async def test_pages_go_on_where_the_one_before_ended(listed: Assistants) -> None:
    """They come by name, each once, and the last page has no token."""
    found, token, pages = [], "", 0
    while token or not pages:
        page, token = listed.page(1, token)
        found += [one.profile.display_name for one in page]
        pages += 1
    assert (found, pages) == (sorted(NAMES), len(NAMES))


async def test_a_token_is_the_one_that_was_given(listed: Assistants) -> None:
    """An id, an altered token, a token of another list, and one of an assistant that is gone are all refused."""
    [first], token = listed.page(1, "")
    other = page_tokens.seal("groups", first.user_id)
    gone = page_tokens.seal(LISTED, "u" + "z" * 15)
    for wrong in (first.user_id, token[:-1] + ("A" if token[-1] != "A" else "B"), other, gone):
        with pytest.raises(MeshError) as refused:
            listed.page(1, wrong)
        assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
