"""The signing keys of an installation: PEM files in one folder, read by whoever may.

    access.pem   signs users' access tokens; only the user service has the private part
    mesh.pem     signs service tokens

A file holds a private key or only its public part. `access-2.pem` beside `access.pem` is confirmed as well,
which is how a key is replaced without logging anyone out. A key's id is the start of its public part's hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Final, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.settings import SettingError
from mesh.tokens import SERVICES, USERS, TokenSigner, VerificationKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mesh.clock import Clock
    from mesh.tokens import Audience

Purpose = Literal["access", "mesh"]

_AUDIENCES: Final[Mapping[Purpose, Audience]] = {"access": USERS, "mesh": SERVICES}


def generate_keys(folder: Path) -> None:
    """Make the keys that are missing, readable by this user only: for the standalone and for tests."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for purpose in _AUDIENCES:
        path = folder / f"{purpose}.pem"
        if not path.exists():
            _write_private(path, _pem(Ed25519PrivateKey.generate()))


def signer(folder: Path, purpose: Purpose, clock: Clock) -> TokenSigner:
    """Return the signer of the private key `<purpose>.pem`; raises SettingError."""
    key = _read(folder / f"{purpose}.pem")
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"{purpose}.pem: holds no private key")
    return TokenSigner(key, key_id(key.public_key()), clock)


def verification_keys(folder: Path) -> dict[str, VerificationKey]:
    """Return every key of the folder by its id, each bound to the audience of its purpose; raises SettingError."""
    found: dict[str, VerificationKey] = {}
    for purpose, audience in _AUDIENCES.items():
        for path in sorted([*folder.glob(f"{purpose}.pem"), *folder.glob(f"{purpose}-*.pem")]):
            key = _read(path)
            public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
            found[key_id(public)] = VerificationKey(public, audience)
    return found


def key_id(key: Ed25519PublicKey) -> str:
    """Return the id under which a key is known: 16 hex digits."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _read(path: Path) -> Ed25519PrivateKey | Ed25519PublicKey:
    try:
        pem = path.read_bytes()
        private = b"PRIVATE KEY" in pem
        key = serialization.load_pem_private_key(pem, None) if private else serialization.load_pem_public_key(pem)
    except (OSError, ValueError, TypeError):
        raise SettingError(f"{path.name}: not a readable PEM key without a password") from None
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise SettingError(f"{path.name}: not an Ed25519 key")
    return key


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    # Created with its mode, so that there is no moment in which others may read it. Written whole under another name,
    # then linked: of two that start at once one wins and both read the same, and one that dies leaves no half of a key.
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
