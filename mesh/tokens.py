"""Who someone is, signed: access tokens of users and service tokens of the mesh.

A token is a JWT signed with Ed25519 and nothing else. Keys are bound to one audience,
so a service's key cannot make a user's token. What RFC 8725 asks for and PyJWT leaves open is refused
before PyJWT sees it: unknown header fields, duplicate JSON keys, times that are no integers, bits that decode twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import jwt

from mesh import errors
from mesh.caller import Caller, Kind
from mesh.errors import Reason
from mesh.token_parts import header_of, invalid, payload_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from mesh.clock import Clock

Audience = Literal["parley", "parley-mesh"]

ISSUER: Final = "parley"
USERS: Final[Audience] = "parley"
SERVICES: Final[Audience] = "parley-mesh"
ALGORITHM: Final = "EdDSA"
ACCESS_SECONDS: Final = 15 * 60
ADMIN_SECONDS: Final = 5 * 60
SERVICE_SECONDS: Final = 5 * 60
RENEW_SECONDS: Final = 60  # a service token with less than this left is replaced
LEEWAY_SECONDS: Final = 30  # clocks of two machines; RFC 8725bis allows at most 60
MAX_BYTES: Final = 4_096
MAX_VERDICTS: Final = 16_384
MAX_TIME: Final = 2**53  # beyond it JSON numbers are not exact

_HEADER: Final = frozenset({"alg", "kid", "typ"})
_TEXTS: Final = ("iss", "sub", "aud", "jti")


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the one audience whose tokens it may confirm."""

    key: Ed25519PublicKey
    audience: Audience


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says; times in Unix seconds, `valid_from` being the later of `iat` and `nbf`."""

    audience: Audience
    subject: str
    valid_from: int
    expires_at: int
    device_id: str = ""
    session_id: str = ""
    role: str = ""
    scopes: frozenset[int] | None = None
    """What a bot's token allows; None in the tokens of people."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A fresh token and when it ends (Unix ms)."""

    token: str
    expires_at_ms: int


class TokenSigner:
    """Makes tokens with one private key, whose id the verifiers know."""

    def __init__(self, key: Ed25519PrivateKey, key_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._clock = clock

    def access(
        self, user_id: str, device_id: str, session_id: str, *, admin: bool = False, scopes: Iterable[int] | None = None
    ) -> SignedToken:
        """Return a user's access token: 15 minutes, for one device and session; 5 with the role of administrator.

        With `scopes` it is a bot's.
        """
        claims: dict[str, Any] = {"sub": user_id, "did": device_id, "sid": session_id}
        if scopes is not None:
            return self._sign(USERS, {**claims, "bot": sorted(set(scopes))}, ACCESS_SECONDS)
        if admin:
            return self._sign(USERS, {**claims, "role": "admin"}, ADMIN_SECONDS)
        return self._sign(USERS, claims, ACCESS_SECONDS)

    def service(self, name: str) -> SignedToken:
        """Return a service's token for calls inside the mesh: 5 minutes."""
        return self._sign(SERVICES, {"sub": name}, SERVICE_SECONDS)

    def _sign(self, audience: Audience, claims: Mapping[str, Any], seconds: int) -> SignedToken:
        now = self._clock.now_ms() // 1_000
        times = {"iat": now, "exp": now + seconds}
        payload = {"iss": ISSUER, "aud": audience, "jti": secrets.token_hex(16), **times, **claims}
        token = jwt.encode(payload, self._key, ALGORITHM, headers={"kid": self._key_id})
        return SignedToken(token, times["exp"] * 1_000)


class ServiceToken:
    """This service's own token, kept and renewed a minute before it ends."""

    def __init__(self, signer: TokenSigner, name: str, clock: Clock) -> None:
        self._signer = signer
        self._name = name
        self._clock = clock
        self._current = SignedToken("", 0)

    def current(self) -> str:
        """Return a token that is good for at least another minute."""
        left_ms = self._current.expires_at_ms - self._clock.now_ms()
        # With more left than a new one has, the clock was set back: to all others it would be of the future.
        if not RENEW_SECONDS * 1_000 <= left_ms <= SERVICE_SECONDS * 1_000:
            self._current = self._signer.service(self._name)
        return self._current.token


class TokenVerifier:
    """Says what a token claims, or refuses it; a verdict is kept until the token ends (a check costs 151 µs)."""

    def __init__(self, keys: Mapping[str, VerificationKey], clock: Clock, *, max_verdicts: int = MAX_VERDICTS) -> None:
        self._keys = dict(keys)
        self._clock = clock
        self._max_verdicts = max_verdicts
        self._verdicts: OrderedDict[bytes, Claims] = OrderedDict()

    def verify(self, token: str) -> Claims:
        """Return the claims; raises UNAUTHENTICATED with TOKEN_INVALID, or TOKEN_EXPIRED once its time is over."""
        if len(token) > MAX_BYTES or not token.isascii():
            raise invalid()
        digest = hashlib.sha256(token.encode("ascii")).digest()
        claims = self._verdicts.get(digest) or self._check(token)
        self._refuse_outside_its_time(claims, digest)
        self._remember(digest, claims)
        return claims

    def _check(self, token: str) -> Claims:
        key = self._key_of(token)
        try:
            jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                audience=key.audience,
                issuer=ISSUER,
                # Times are checked here by our own clock, with types that PyJWT would take for granted.
                options={"strict_aud": True, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, OverflowError):
            raise invalid() from None
        return _claims(payload_of(token), key.audience)

    def _key_of(self, token: str) -> VerificationKey:
        header = header_of(token)
        if header.keys() - _HEADER or header.get("alg") != ALGORITHM:
            raise invalid()
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise invalid()
        return key

    def _refuse_outside_its_time(self, claims: Claims, digest: bytes) -> None:
        now = self._clock.now_ms() / 1_000
        if claims.expires_at + LEEWAY_SECONDS <= now:
            self._verdicts.pop(digest, None)
            raise errors.unauthenticated(Reason.TOKEN_EXPIRED, "the token has expired")
        if claims.valid_from > now + LEEWAY_SECONDS:
            raise invalid()

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._verdicts[digest] = claims
        self._verdicts.move_to_end(digest)
        if len(self._verdicts) > self._max_verdicts:
            self._verdicts.popitem(last=False)


class Revocations(Protocol):
    """Which sessions ended before their tokens did."""

    async def is_revoked(self, session_id: str) -> bool:
        """Whether this session was ended; asked for each call, so it must be cheap."""
        ...


class Authenticator:
    """Turns the metadata of a call, or a token inside a stream, into a caller."""

    def __init__(self, verifier: TokenVerifier, revocations: Revocations | None = None) -> None:
        self._verifier = verifier
        self._revocations = revocations

    def of_tokens_alone(self) -> Authenticator:
        """One that does not ask whether a session was ended: for who finds out by other means, and then says why."""
        return Authenticator(self._verifier)

    async def authenticate(self, authorization: Sequence[str], address: str = "") -> Caller:
        """Return the caller behind the `authorization` values of a call; exactly one is accepted.

        Raises UNAUTHENTICATED: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED or SESSION_REVOKED.
        """
        if not authorization:
            raise errors.unauthenticated(Reason.TOKEN_MISSING, "metadata `authorization` is missing")
        scheme, _, token = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != "bearer" or not token:
            raise invalid()
        return await self.verify(token, address)

    async def verify(self, token: str, address: str = "") -> Caller:
        """Return the caller that this token names; raises UNAUTHENTICATED as `authenticate` does."""
        claims = self._verifier.verify(token)
        if claims.audience == SERVICES:
            return Caller("service", service=claims.subject, address=address, expires_at_ms=claims.expires_at * 1_000)
        if self._revocations and await self._revocations.is_revoked(claims.session_id):
            raise errors.unauthenticated(Reason.SESSION_REVOKED, "the session was ended")
        return Caller(
            _kind(claims),
            user_id=claims.subject,
            device_id=claims.device_id,
            session_id=claims.session_id,
            address=address,
            expires_at_ms=claims.expires_at * 1_000,
            scopes=claims.scopes or frozenset(),
        )


def _kind(claims: Claims) -> Kind:
    if claims.scopes is not None:
        return "bot"
    return "admin" if claims.role == "admin" else "user"


def _claims(payload: Mapping[str, Any], audience: Audience) -> Claims:
    for name in _TEXTS if audience == SERVICES else (*_TEXTS, "did", "sid"):
        if not isinstance(payload.get(name), str) or not payload[name]:
            raise invalid()
    issued_at, expires_at = _time(payload, "iat"), _time(payload, "exp")
    not_before = _time(payload, "nbf") if "nbf" in payload else issued_at
    return Claims(
        audience=audience,
        subject=payload["sub"],
        valid_from=max(issued_at, not_before),
        expires_at=expires_at,
        device_id=payload.get("did", ""),
        session_id=payload.get("sid", ""),
        role="admin" if payload.get("role") == "admin" else "",
        scopes=_scopes(payload["bot"]) if "bot" in payload else None,
    )


def _scopes(value: object) -> frozenset[int]:
    """A claim that is no list of numbers must not turn a bot into a person."""
    if not isinstance(value, list) or any(type(scope) is not int for scope in value):
        raise invalid()
    return frozenset(value)


def _time(payload: Mapping[str, Any], name: str) -> int:
    value = payload.get(name)
    if type(value) is not int or not 0 <= value <= MAX_TIME:
        raise invalid()
    return value
