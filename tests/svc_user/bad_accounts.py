"""Bad inputs of log-in, tokens and sessions, each by its number, with the code that it gets."""

import asyncio
import json
from collections.abc import Callable

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from parley.directory.v1 import directory_service_pb2 as directory
from parley.user.v1.user_service_pb2 import (
    GetUserRequest,
    LogOutRequest,
    RefreshRequest,
    RegisterRequest,
    RevokeSessionRequest,
)
from tests.svc_user.bad_scene import AE, CANARY, IA, NF, OK, PD, RE, UA, Bad, Scene, decoded, encoded
from tests.svc_user.devices import refresh
from tests.svc_user.test_delete_account import delete
from tests.svc_user.world import PASSWORD, Metadata, bearer


def _hs256(scene: Scene) -> str:
    public = scene.key.public_key().public_bytes_raw()
    claims = json.loads(decoded(scene.ada.opened.tokens.access_token.split(".")[1]))
    return jwt.encode(claims, public, "HS256", headers={"kid": scene.kid})


def _rs256(scene: Scene) -> str:
    key = rsa.generate_private_key(65_537, 2_048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return jwt.encode({"sub": scene.ada.id}, pem, "RS256", headers={"kid": scene.kid})


def _altered(scene: Scene) -> str:
    token = scene.ada.opened.tokens.access_token
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def _doubled(scene: Scene) -> str:
    payload = decoded(scene.ada.opened.tokens.access_token.split(".")[1]).decode()
    return scene.signed(payload[:-1] + f', "sub": "{scene.eve.id}"}}')


def _other_device(scene: Scene) -> str:
    """The device of a token changed: without our key that cannot be signed."""
    head, payload, signature = scene.ada.opened.tokens.access_token.split(".")
    claims = json.loads(decoded(payload)) | {"did": scene.eve.opened.device_id}
    return f"{head}.{encoded(json.dumps(claims).encode())}.{signature}"


async def _revoked(scene: Scene) -> object:
    await scene.world.users.LogOut(LogOutRequest(), metadata=scene.ada.auth)
    scene.world.clock.advance(6)
    return await scene.me(*scene.ada.auth)


async def _deleted(scene: Scene) -> object:
    await delete(scene.world, scene.ada)
    scene.world.clock.advance(6)
    return await scene.me(*scene.ada.auth)


async def _refreshed_by_access_token(scene: Scene) -> object:
    opened = scene.ada.opened
    request = RefreshRequest(refresh_token=opened.tokens.access_token[:250], device_id=opened.device_id)
    return await scene.world.users.Refresh(request)


async def _replayed(scene: Scene) -> object:
    token, device = scene.ada.opened.tokens.refresh_token, scene.ada.opened.device_id
    latest = await refresh(scene.world, (await refresh(scene.world, token, device)).refresh_token, device)
    with pytest.raises(grpc.aio.AioRpcError):
        await refresh(scene.world, token, device)
    return await refresh(scene.world, latest.refresh_token, device)  # the family has ended


async def _twice_at_once(scene: Scene) -> object:
    token, device = scene.ada.opened.tokens.refresh_token, scene.ada.opened.device_id
    one, other = await asyncio.gather(*(refresh(scene.world, token, device) for _ in range(2)))
    assert one.refresh_token == other.refresh_token
    return one


async def _spoofed(scene: Scene) -> object:
    found = await scene.world.users.GetUser(GetUserRequest(), metadata=(*scene.ada.auth, ("x-user-id", scene.eve.id)))
    assert found.user.user_id == scene.ada.id
    return found


async def _unknown_user(scene: Scene) -> object:
    """Unknown and known answer in the same words."""
    errors = []
    for name in (scene.ada.username, "nobody.at.all"):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scene.world.log_in(name, password=f"{CANARY} wrong")
        errors.append((refused.value.code(), refused.value.details()))
    assert errors[0] == errors[1]
    return await scene.world.log_in("nobody.at.all", password="wrong again")


async def _sixth_log_in(scene: Scene) -> object:
    for _ in range(4):
        await scene.world.log_in(scene.ada.username)
    return await scene.world.log_in(scene.ada.username)


async def _out_twice(scene: Scene) -> object:
    """The second is told that the session is over, which says the same and ends nothing twice."""
    await scene.world.users.LogOut(LogOutRequest(), metadata=scene.ada.auth)
    return await scene.world.users.LogOut(LogOutRequest(), metadata=scene.ada.auth)


def _named(*names: str) -> Bad:
    async def register(scene: Scene) -> object:
        for name in names[:-1]:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await scene.world.register(name)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, name
        return await scene.world.register(names[-1])

    return register


def _auth(*values: str) -> Bad:
    return lambda scene: scene.me(*(("authorization", value) for value in values))


def _forged(make: Callable[[Scene], str]) -> Bad:
    return lambda scene: scene.with_token(make(scene))


def _password(text: str) -> Bad:
    return lambda scene: scene.world.register("newcomer", password=text)


async def _odd_password(scene: Scene) -> object:
    await scene.world.register("zoe", password="Zoe\u0308\0 runs far away")
    return await scene.world.log_in("zoe", password="Zoë\0 runs far away")


async def _contacts(scene: Scene, auth: Metadata) -> object:
    pair = directory.ContactPair(sender_id=scene.ada.id, receiver_id=scene.bob.id)
    return await scene.world.directory.CheckContact(directory.CheckContactRequest(pairs=[pair]), metadata=auth)


def _admin(scene: Scene) -> Metadata:
    return bearer(scene.token(role="admin"))


AUTH: dict[str, tuple[str, Bad]] = {
    "A1 no token": (UA, _auth()),
    "A2 empty": (UA, _auth("Bearer ")),
    "A3 wrong scheme": (UA, _auth("Basic dTpw")),
    "A4 two headers": (UA, lambda s: s.me(*s.ada.auth, *s.eve.auth)),
    "A5 alg none": (UA, _forged(lambda s: s.token(header={"alg": "none"}))),
    "A6 HS256 with the public key": (UA, _forged(_hs256)),
    "A7 RS256": (UA, _forged(_rs256)),
    "A8 unknown kid": (UA, _forged(lambda s: s.token(header={"kid": "other"}))),
    "A9 kid is a path": (UA, _forged(lambda s: s.token(header={"kid": "../../etc/passwd"}))),
    "A9 kid is SQL": (UA, _forged(lambda s: s.token(header={"kid": "' OR 1=1 --"}))),
    "A10 jku": (UA, _forged(lambda s: s.token(header={"jku": f"https://{CANARY}.example/keys"}))),
    "A10 x5u": (UA, _forged(lambda s: s.token(header={"x5u": f"https://{CANARY}.example/cert"}))),
    "A10 jwk": (UA, _forged(lambda s: s.token(header={"jwk": {"kty": "OKP"}}))),
    "A11 crit unknown": (UA, _forged(lambda s: s.token(header={"crit": ["exp"], "exp": 1}))),
    "A12 exp past": (UA, _forged(lambda s: s.token(exp=s.now - 60))),
    "A13 exp missing": (UA, _forged(lambda s: s.token(without="exp"))),
    "A14 exp as text": (UA, _forged(lambda s: s.token(exp=str(s.now + 600)))),
    "A15 exp 1e308": (UA, _forged(lambda s: s.token(exp=1e308))),
    "A16 nbf future": (UA, _forged(lambda s: s.token(nbf=s.now + 3_600))),
    "A17 iat future": (UA, _forged(lambda s: s.token(iat=s.now + 61))),
    "A18 wrong aud": (UA, _forged(lambda s: s.token(aud="other"))),
    "A19 aud list without us": (UA, _forged(lambda s: s.token(aud=["other", "another"]))),
    "A20 wrong iss": (UA, _forged(lambda s: s.token(iss="other"))),
    "A21 sub missing": (UA, _forged(lambda s: s.token(without="sub"))),
    "A22 sub of a deleted user": (UA, _deleted),
    "A23 sid revoked": (UA, _revoked),
    "A24 did not of sid": (UA, _forged(_other_device)),
    "A25 refresh token as access": (UA, _forged(lambda s: s.ada.opened.tokens.refresh_token)),
    "A26 access token as refresh": (UA, _refreshed_by_access_token),
    "A27 refresh replayed": (UA, _replayed),
    "A28 refresh twice at once": (OK, _twice_at_once),
    "A29 token of 9 KB": (f"{UA} {RE}", _forged(lambda s: s.token(filler="x" * 6_800))),
    "A30 1,000 dots": (UA, _forged(lambda _: "." * 1_000)),
    "A31 duplicate keys": (UA, _forged(_doubled)),
    "A32 last character altered": (UA, _forged(_altered)),
    "A33 x-user-id": (OK, _spoofed),
    "A34 a user as a service": (PD, lambda s: _contacts(s, s.ada.auth)),
    "A35 a service as a user": (PD, lambda s: s.me(*s.world.as_service)),
    "A36 an administrator as a service": (PD, lambda s: _contacts(s, _admin(s))),
    "A37 unknown user": (UA, _unknown_user),
    "A38 password 0 B": (IA, _password("")),
    "A39 password 1 MB": (IA, _password(CANARY * 90_000)),
    "A40 password NUL and NFD": (OK, _odd_password),
    "A41 sixth log-in": (RE, _sixth_log_in),
    "A43 log-out twice": (UA, _out_twice),
    "A44 revoke another's": (
        NF,
        lambda s: s.world.users.RevokeSession(
            RevokeSessionRequest(session_id=s.eve.opened.session.session_id), metadata=s.ada.auth
        ),
    ),
    "A45 register a taken name": (
        AE,
        lambda s: s.world.users.Register(RegisterRequest(request_id="new", username=s.eve.username, password=PASSWORD)),
    ),
    "A46 names that deceive": (IA, _named("ad\u202ea", "a\u200bda", "аda", "ａda", "ad\u0430", "ada\u2060")),
}
