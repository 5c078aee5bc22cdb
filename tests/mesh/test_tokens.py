from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError, Reason
from mesh.tokens import (
    SERVICES,
    USERS,
    Authenticator,
    ServiceToken,
    TokenSigner,
    TokenVerifier,
    VerificationKey,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1_000
KEY = Ed25519PrivateKey.generate()
MESH_KEY = Ed25519PrivateKey.generate()
KEYS = {"k1": VerificationKey(KEY.public_key(), USERS), "m1": VerificationKey(MESH_KEY.public_key(), SERVICES)}
GOOD: dict[str, Any] = {
    "iss": "parley", "aud": "parley", "sub": "u1", "did": "d1", "sid": "s1", "jti": "t1", "iat": NOW, "exp": NOW + 900,
}  # fmt: skip


@dataclass
class Revoked:
    sessions: frozenset[str]

    async def is_revoked(self, session_id: str) -> bool:
        return session_id in self.sessions


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _token(
    claims: dict[str, Any] | str | None = None,
    *,
    key: Ed25519PrivateKey = KEY,
    without: tuple[str, ...] = (),
    header: dict[str, Any] | str | None = None,
    **changed: Any,
) -> str:
    """Sign anything at all, also what no library would."""
    if not isinstance(claims, str):
        claims = json.dumps({k: v for k, v in {**GOOD, **(claims or {}), **changed}.items() if k not in without})
    if not isinstance(header, str):
        header = json.dumps({"alg": "EdDSA", "typ": "JWT", "kid": "k1", **(header or {})})
    signed = f"{_b64(header.encode())}.{_b64(claims.encode())}"
    return f"{signed}.{_b64(key.sign(signed.encode()))}"


def _hs256_with_the_public_key() -> str:
    return jwt.encode(GOOD, KEY.public_key().public_bytes_raw(), "HS256", headers={"kid": "k1"})


def _rs256() -> str:
    key = rsa.generate_private_key(65_537, 2_048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return jwt.encode(GOOD, pem, "RS256", headers={"kid": "k1"})


def _last_character_altered() -> str:
    token = _token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # The last character of 64 bytes carries two bits; the other four are dropped by lenient decoders.
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def _altered_in_the_middle() -> str:
    head, payload, signature = _token().split(".")
    return f"{head}.{payload}.{'A' if signature[20] != 'A' else 'B'}".join(["", signature[21:]])


DUPLICATE = json.dumps(GOOD)[:-1] + ', "sub": "u2"}'

FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "alg none": lambda: _token(header={"alg": "none"}),
    "alg none without signature": lambda: jwt.encode(GOOD, "", "none", headers={"kid": "k1"}),
    "HS256 with the public key": _hs256_with_the_public_key,
    "RS256": _rs256,
    "unknown kid": lambda: _token(header={"kid": "k2"}),
    "kid is a path": lambda: _token(header={"kid": "../../etc/passwd"}),
    "kid is SQL": lambda: _token(header={"kid": "' OR 1=1 --"}),
    "kid is a list": lambda: _token(header={"kid": ["k1"]}),
    "kid missing": lambda: _token(header='{"alg":"EdDSA"}'),
    "jku": lambda: _token(header={"jku": "https://evil.example/keys"}),
    "x5u": lambda: _token(header={"x5u": "https://evil.example/cert"}),
    "jwk": lambda: _token(header={"jwk": {"kty": "OKP"}}),
    "crit": lambda: _token(header={"crit": ["exp"], "exp": 1}),
    "signed by another": lambda: _token(key=Ed25519PrivateKey.generate()),
    "a service's key for a user": lambda: _token(key=MESH_KEY, header={"kid": "m1"}),
    "a user's key for a service": lambda: _token(aud="parley-mesh"),
    "exp missing": lambda: _token(without=("exp",)),
    "exp as text": lambda: _token(exp=str(NOW + 900)),
    "exp is a truth": lambda: _token(exp=True),
    "exp 1e308": lambda: _token(exp=1e308),
    "exp infinite": lambda: _token(json.dumps({**GOOD, "exp": float("inf")})),
    "exp huge": lambda: _token(exp=10**30),
    "exp negative": lambda: _token(exp=-1),
    "nbf in the future": lambda: _token(nbf=NOW + 3_600),
    "nbf as text": lambda: _token(nbf="soon"),
    "iat in the future": lambda: _token(iat=NOW + 61),
    "iat missing": lambda: _token(without=("iat",)),
    "wrong aud": lambda: _token(aud="other"),
    "aud list without us": lambda: _token(aud=["other", "another"]),
    "aud list with us": lambda: _token(aud=["parley", "other"]),
    "aud missing": lambda: _token(without=("aud",)),
    "wrong iss": lambda: _token(iss="other"),
    "iss missing": lambda: _token(without=("iss",)),
    "sub missing": lambda: _token(without=("sub",)),
    "sub empty": lambda: _token(sub=""),
    "sub is a number": lambda: _token(sub=1),
    "sid missing": lambda: _token(without=("sid",)),
    "did missing": lambda: _token(without=("did",)),
    "jti missing": lambda: _token(without=("jti",)),
    "a 9 KB token": lambda: _token(filler="x" * 9_000),
    "1,000 dots": lambda: "." * 1_000,
    "1,000 dots behind a token": lambda: _token() + "." * 1_000,
    "duplicate claims": lambda: _token(DUPLICATE),
    "duplicate header": lambda: _token(header='{"alg":"none","alg":"EdDSA","kid":"k1"}'),
    "last character altered": _last_character_altered,
    "signature altered": _altered_in_the_middle,
    "padding": lambda: _token() + "=",
    "white space": lambda: _token().replace(".", " .", 1),
    "not ASCII": lambda: _token()[:-1] + "é",
    "claims are a list": lambda: _token("[]"),
    "claims are no JSON": lambda: _token("{"),
    "claims nested deeply": lambda: _token("[" * 2_000),
    "an opaque refresh token": lambda: "r" * 43,
}


def _verifier(clock: FakeClock | None = None, *, max_verdicts: int = 100) -> TokenVerifier:
    return TokenVerifier(KEYS, clock or FakeClock(NOW_MS), max_verdicts=max_verdicts)


def _refusal(verifier: TokenVerifier, token: str) -> MeshError:
    with pytest.raises(MeshError) as raised:
        verifier.verify(token)
    return raised.value


def test_a_good_token_is_believed() -> None:
    """The tokens of these tests are good before a test spoils one."""
    claims = _verifier().verify(_token())
    assert (claims.subject, claims.device_id, claims.session_id, claims.expires_at) == ("u1", "d1", "s1", NOW + 900)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(name: str) -> None:
    """Every known forgery gets the same answer, UNAUTHENTICATED, which does not say what was wrong."""
    error = _refusal(_verifier(), FORGED[name]())
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.TOKEN_INVALID)
    assert error.message == "the token is not valid"


@pytest.mark.parametrize("warm", [False, True])
def test_an_expired_token_is_refused(*, warm: bool) -> None:
    """A token ends on time, also when its verdict was kept."""
    clock = FakeClock(NOW_MS)
    verifier, token = _verifier(clock), _token()
    if warm:
        verifier.verify(token)
    clock.advance(901 + 30)
    assert _refusal(verifier, token).reason == Reason.TOKEN_EXPIRED


def test_clocks_may_differ_by_half_a_minute() -> None:
    """A token from a machine that is a little ahead is believed, and so is one that ends where the clock goes slow."""
    assert _verifier().verify(_token(iat=NOW + 29, exp=NOW + 929)).subject == "u1"
    assert _verifier().verify(_token(iat=NOW - 929, exp=NOW - 29)).subject == "u1"


def test_only_so_many_verdicts_are_kept() -> None:
    """Many tokens cannot fill the memory, and a forgotten verdict is made again."""
    verifier = _verifier(max_verdicts=2)
    tokens = [_token(sub=str(number)) for number in range(5)]
    assert {verifier.verify(token).subject for token in tokens * 2} == set("01234")
    assert len(verifier._verdicts) == 2


def test_a_signed_access_token_names_user_device_and_session() -> None:
    """What the signer writes is what the verifier reads, for 15 minutes."""
    signed = TokenSigner(KEY, "k1", FakeClock(NOW_MS)).access("u7", "d7", "s7")
    claims = _verifier().verify(signed.token)
    assert (claims.audience, claims.subject, claims.device_id, claims.session_id) == (USERS, "u7", "d7", "s7")
    assert signed.expires_at_ms == NOW_MS + 900_000


def test_a_service_token_is_kept_and_renewed_in_time() -> None:
    """A service signs once in four minutes, and what it holds is always good for another minute."""
    clock = FakeClock(NOW_MS)
    service = ServiceToken(TokenSigner(MESH_KEY, "m1", clock), "group", clock)
    first = service.current()
    clock.advance(239)
    assert service.current() == first
    clock.advance(2)
    renewed = service.current()
    assert renewed != first
    assert _verifier(clock).verify(renewed).subject == "group"


def test_a_clock_that_goes_back_does_not_leave_a_service_without_a_token() -> None:
    """What was signed before the jump would be of the future for hours: it is signed anew."""
    clock = FakeClock(NOW_MS)
    service = ServiceToken(TokenSigner(MESH_KEY, "m1", clock), "group", clock)
    first = service.current()
    clock.jump(-7_200)
    renewed = service.current()
    assert renewed != first
    assert _verifier(clock).verify(renewed).subject == "group"
    assert service.current() == renewed


@pytest.mark.parametrize(
    "values, reason",
    [
        ([], Reason.TOKEN_MISSING),
        ([""], Reason.TOKEN_INVALID),
        (["Bearer "], Reason.TOKEN_INVALID),
        (["Bearer"], Reason.TOKEN_INVALID),
        (["Basic dTpw"], Reason.TOKEN_INVALID),
        (["{token}"], Reason.TOKEN_INVALID),
        (["Bearer  {token}"], Reason.TOKEN_INVALID),
        (["Bearer {token}", "Bearer {token}"], Reason.TOKEN_INVALID),
        (["Bearer {token}", ""], Reason.TOKEN_INVALID),
    ],
)
async def test_the_authorization_is_one_bearer_token(values: list[str], reason: Reason) -> None:
    """Nothing, another scheme, and two headers are all refused."""
    authenticator = Authenticator(_verifier())
    with pytest.raises(MeshError) as raised:
        await authenticator.authenticate([value.format(token=_token()) for value in values])
    assert (raised.value.code, raised.value.reason) == (Code.UNAUTHENTICATED, reason)


async def test_a_user_is_known_by_the_token() -> None:
    """The caller has what the token says, the address of the peer, and the time when the token ends."""
    caller = await Authenticator(_verifier()).authenticate([f"Bearer {_token()}"], "10.0.0.1")
    assert (caller.kind, caller.user_id, caller.device_id, caller.session_id) == ("user", "u1", "d1", "s1")
    assert (caller.address, caller.expires_at_ms) == ("10.0.0.1", (NOW + 900) * 1_000)


async def test_an_admin_is_known_by_the_role() -> None:
    """The role comes from the signed token and from nowhere else."""
    signed = TokenSigner(KEY, "k1", FakeClock(NOW_MS)).access("u7", "d7", "s7", admin=True)
    assert (await Authenticator(_verifier()).verify(signed.token)).kind == "admin"


async def test_a_bot_is_known_by_its_scopes() -> None:
    """A token with scopes is a bot's, also with none of them, and never an administrator's."""
    signer = TokenSigner(KEY, "k1", FakeClock(NOW_MS))
    for scopes in ([2, 1, 2], []):
        signed = signer.access("u7", "d7", "s7", admin=True, scopes=scopes)
        caller = await Authenticator(_verifier()).verify(signed.token)
        assert (caller.kind, caller.scopes) == ("bot", frozenset(scopes))


@pytest.mark.parametrize("claim", ["1 2", {"1": 2}, [1, "2"], [True], None, 3])
async def test_scopes_that_make_no_sense_are_refused(claim: object) -> None:
    """Whatever else stands in the place of the scopes makes no person of a bot."""
    with pytest.raises(MeshError) as raised:
        await Authenticator(_verifier()).verify(_token(bot=claim))
    assert raised.value.reason == Reason.TOKEN_INVALID


async def test_a_revoked_session_is_refused_although_its_token_is_good() -> None:
    """Revocation is asked at each call, so a kept verdict does not outlive the session."""
    revoked = Revoked(frozenset())
    authenticator = Authenticator(_verifier(), revoked)
    await authenticator.verify(_token())
    revoked.sessions = frozenset({"s1"})
    with pytest.raises(MeshError) as raised:
        await authenticator.verify(_token())
    assert raised.value.reason == Reason.SESSION_REVOKED
