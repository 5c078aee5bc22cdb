"""With PARLEY_REAL_TLS=yes the parts take nobody in who does not show a certificate, a password or a token.

Certificates, passwords and tokens are made here, below `var/real/trust`, readable by their owner only.
"""

import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from real import folder
from real.authority import Authority, Pair

ON: Final = os.environ.get("PARLEY_REAL_TLS", "no") == "yes"

HEADER: Final = '{"alg":"HS256"}'
CLAIMS: Final = '{"sub":"parley"}'
"""Pulsar knows whoever shows such a token by this name."""


def authority() -> Authority:
    """Who signs the certificates of this mesh."""
    return Authority(_home())


def pair(name: str) -> Pair:
    """The certificate of a part, or of the nodes; made when it is not there."""
    made, signer = Pair(_home() / f"{name}.crt", _home() / f"{name}.key"), authority()
    # A certificate that is older than its authority was signed by the one before it.
    if not made.key.exists() or made.certificate.stat().st_mtime < signer.certificate.stat().st_mtime:
        return signer.issue(name)
    return made


def password(name: str) -> str:
    """The password of a part."""
    path = _home() / f"{name}.password"
    return path.read_text() if path.exists() else secret_file(path.name, secrets.token_hex(16)).read_text()


def key_file() -> Path:
    """The key with which Pulsar checks tokens."""
    return secret_file("token.key", password("token"))


def token_file() -> Path:
    """The token that the nodes show to Pulsar."""
    return secret_file("pulsar.token", token(password("token")))


def token(key: str) -> str:
    """A token that was signed with a key: a JSON web token without an end."""
    said = ".".join(_encoded(part.encode()) for part in (HEADER, CLAIMS))
    return f"{said}.{_encoded(hmac.digest(key.encode(), said.encode(), 'sha256'))}"


def secret_file(name: str, content: str) -> Path:
    """Write a file that only its owner reads."""
    path = _home() / name
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def query(**options: object) -> str:
    """The part of a URL that says what TLS needs; nothing without it."""
    return f"?{urlencode(options)}" if ON else ""


def files(ca: str, certificate: str, key: str) -> Mapping[str, object]:
    """What the nodes trust and show, under the names that a driver has for it."""
    mine = pair("node")
    return {ca: authority().certificate, certificate: mine.certificate, key: mine.key}


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


def _home() -> Path:
    path = folder.ROOT / "trust"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
