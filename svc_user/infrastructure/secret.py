"""The key behind refresh tokens and page tokens: a file beside the signing keys, the same on all nodes."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

NAME: Final = "refresh.key"
LENGTH: Final = 32


def refresh_key(folder: Path) -> bytes:
    """The key of this folder, made if it is not there, readable by this user only. ValueError for a bad one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / NAME
    if not path.exists():
        _write(path, secrets.token_bytes(LENGTH))
    key = path.read_bytes()
    if len(key) != LENGTH:
        raise ValueError(f"{NAME}: not {LENGTH} bytes")
    return key


def _write(path: Path, key: bytes) -> None:
    # Written whole under another name, then linked: of two nodes that start at once, one wins and both read the same.
    fresh = path.with_name(f"{NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
