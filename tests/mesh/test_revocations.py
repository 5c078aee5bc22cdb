import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.infrastructure.memory import MemoryKeyValue
from mesh.revocations import BELIEVED_S, KEPT_S, REMEMBERED, KeyValueRevocations
from tests.mesh.cache import Cache

TOKEN_LIFE_S = 15 * 60.0


class Mesh:
    """Two processes over one cache."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cache = Cache(self.clock)
        self.here = KeyValueRevocations(self.cache, self.clock)
        self.there = KeyValueRevocations(self.cache, self.clock)


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


async def test_a_revoked_session_is_refused_here_at_once(mesh: Mesh) -> None:
    """The process that ended a session does not believe its own earlier answer; other sessions are well."""
    assert not await mesh.here.is_revoked("s1")
    await mesh.here.revoke("s1")
    assert await mesh.here.is_revoked("s1")
    assert not await mesh.here.is_revoked("s2")


async def test_a_revoked_session_is_refused_elsewhere_within_five_seconds(mesh: Mesh) -> None:
    """Another process may believe its answer of before, for BELIEVED_S and no longer."""
    assert BELIEVED_S == 5.0
    assert not await mesh.there.is_revoked("s1")
    await mesh.here.revoke("s1")
    mesh.clock.advance(BELIEVED_S)
    assert await mesh.there.is_revoked("s1")


async def test_a_process_that_never_asked_knows_at_once(mesh: Mesh) -> None:
    """Only an answer that was given can be old."""
    await mesh.here.revoke("s1")
    assert await mesh.there.is_revoked("s1")


async def test_an_answer_is_believed_for_a_while(mesh: Mesh) -> None:
    """A busy session costs the cache one question in BELIEVED_S, whatever the answer is."""
    await mesh.here.revoke("s1")
    for session, revoked in (("s1", True), ("s2", False)):
        mesh.cache.reads = 0
        for _ in range(5):
            assert await mesh.here.is_revoked(session) is revoked
            mesh.clock.advance(BELIEVED_S / 5)
        assert mesh.cache.reads == 1
        await mesh.here.is_revoked(session)
        assert mesh.cache.reads == 2


async def test_a_session_stays_revoked_while_its_tokens_live(mesh: Mesh) -> None:
    """The mark is kept longer than an access token is, and then goes by itself."""
    await mesh.here.revoke("s1")
    mesh.clock.advance(TOKEN_LIFE_S)
    assert await mesh.there.is_revoked("s1")
    mesh.clock.advance(KEPT_S - TOKEN_LIFE_S + BELIEVED_S)
    assert not await mesh.there.is_revoked("s1")


async def test_without_the_cache_a_token_is_good(mesh: Mesh) -> None:
    """The mesh goes on; such an answer is not kept, so the truth is seen as soon as the cache is back."""
    await mesh.here.revoke("s1")
    mesh.cache.away = True
    assert not await mesh.there.is_revoked("s1")
    mesh.cache.away = False
    assert await mesh.there.is_revoked("s1")


async def test_what_is_known_outlives_the_cache_for_a_while(mesh: Mesh) -> None:
    """A session that was seen as revoked is refused for as long as the answer is believed."""
    await mesh.here.revoke("s1")
    assert await mesh.there.is_revoked("s1")
    mesh.cache.away = True
    assert await mesh.there.is_revoked("s1")


async def test_who_revokes_learns_that_the_cache_is_away(mesh: Mesh) -> None:
    """A revocation that nobody will hear of is an error, and may be tried again."""
    mesh.cache.away = True
    with pytest.raises(MeshError) as caught:
        await mesh.here.revoke("s1")
    assert caught.value.code is Code.UNAVAILABLE
    mesh.cache.away = False
    await mesh.here.revoke("s1")
    assert await mesh.here.is_revoked("s1")


async def test_what_is_remembered_is_bounded() -> None:
    """However many sessions call, no more than REMEMBERED answers are kept; who is forgotten is asked for again."""
    clock = FakeClock()
    kv = MemoryKeyValue(clock)
    revocations = KeyValueRevocations(kv, clock)
    await revocations.revoke("s0")
    for number in range(REMEMBERED + 2):
        assert await revocations.is_revoked(f"s{number}") is (number == 0)
        assert len(revocations._answers) <= REMEMBERED
    assert await revocations.is_revoked("s0")
