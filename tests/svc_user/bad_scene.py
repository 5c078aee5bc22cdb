"""People of whom bad things are asked, what comes of it, and the probe that shows that the service goes on."""

import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh import keys
from parley.user.v1.user_service_pb2 import GetUserRequest
from tests.refused import decode
from tests.svc_user.world import Person, World

CANARY = "canary-77cc"
PROBE_S = 0.1
IA, UA, PD, NF, AE, RE, OK = (
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "RESOURCE_EXHAUSTED",
    "OK",
)


@dataclass
class Scene:
    """Two users, a third who is neither's friend, and the key that signs their tokens."""

    world: World
    ada: Person
    bob: Person
    eve: Person
    key: Ed25519PrivateKey
    kid: str

    def token(self, *, header: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
        """Ada's access token with other claims and another header, signed by the right key."""
        payload = json.loads(decoded(self.ada.opened.tokens.access_token.split(".")[1])) | claims
        payload.pop(without, None)
        return self.signed(json.dumps(payload), header)

    def signed(self, payload: str, header: dict[str, Any] | None = None) -> str:
        """Any payload at all, signed by the right key."""
        head = json.dumps({"alg": "EdDSA", "typ": "JWT", "kid": self.kid, **(header or {})})
        text = f"{encoded(head.encode())}.{encoded(payload.encode())}"
        return f"{text}.{encoded(self.key.sign(text.encode()))}"

    async def me(self, *metadata: tuple[str, str]) -> object:
        """Call something that needs a user."""
        return await self.world.users.GetUser(GetUserRequest(), metadata=metadata)

    async def with_token(self, token: str) -> object:
        """The same with this token."""
        return await self.me(("authorization", f"Bearer {token}"))

    @property
    def now(self) -> int:
        """Unix seconds."""
        return self.world.clock.now_ms() // 1_000


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def scene(world: World, folder: Path, number: int) -> Scene:
    """Three people of this number, just logged in."""
    ada, bob, eve = await world.people(f"ada{number}", f"bob{number}", f"eve{number}")
    signer = keys.signer(folder / "keys", "access", world.clock)
    return Scene(world, ada, bob, eve, signer._key, signer._key_id)


Bad = Callable[[Scene], Awaitable[object]]


async def code_of(call: Awaitable[object]) -> str:
    """The code with which a call ended. What it was given is in no word of the error."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        said = str(decode(error)) + str(error.details())
        assert CANARY not in said
        assert "Traceback" not in said
        return error.code().name
    return OK


async def quick(scene: Scene) -> float:
    """What a good call costs this process, in CPU seconds; when it is much, the best of five: others may be at work."""
    times: list[float] = []
    while not times or (min(times) > PROBE_S and len(times) < 5):
        began = time.process_time()
        found = await scene.world.users.GetUser(GetUserRequest(user_id=scene.ada.id), metadata=scene.bob.auth)
        times.append(time.process_time() - began)
        assert found.user.user_id == scene.ada.id
    return min(times)
