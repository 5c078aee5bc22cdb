"""Keys, passwords and certificates of a trial installation, in one folder, readable by its owner only.

`kubectl apply -k FOLDER` makes them Secrets; compose.yaml mounts the same files.
What is there already stays, so a second call adds what is missing and changes nothing.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mesh.keys import generate_keys, key_id
from svc_user.infrastructure.secret import refresh_key

STORED: Final = ("user", "group", "message", "ai")
"""The services that have a store."""

BACKING: Final = "parley-backing"
DAYS: Final = 365
EDGE_NAMES: Final = ("localhost", "edge", "edge.parley")

KUSTOMIZATION: Final = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
generatorOptions: {disableNameSuffixHash: true}
configMapGenerator:
  - {name: edge-jwks, namespace: parley, files: [edge/jwks.json]}
secretGenerator:
  - {name: keys-user, namespace: parley, files: [user/access.pem, user/mesh.pem, user/refresh.key]}
  - {name: keys-mesh, namespace: parley, files: [mesh/access.pem, mesh/mesh.pem]}
  - {name: edge-tls, namespace: parley, type: kubernetes.io/tls, files: [edge/tls.crt, edge/tls.key]}
  - {name: kv, namespace: parley, files: [kv/url]}
  - {name: store-user, namespace: parley, files: [password=store/user]}
  - {name: store-group, namespace: parley, files: [password=store/group]}
  - {name: store-message, namespace: parley, files: [password=store/message]}
  - {name: store-ai, namespace: parley, files: [password=store/ai]}
  - {name: media, namespace: parley, files: [minio/user, minio/password]}
  - {name: redis, namespace: parley-backing, files: [redis/password.conf]}
  - {name: mongo, namespace: parley-backing, files: [mongo/keyfile, mongo/password]}
  - {name: mongo-users, namespace: parley-backing, files: [mongo/users.js]}
  - {name: minio, namespace: parley-backing, files: [minio/user, minio/password]}
"""


def make(folder: Path) -> None:
    """Make what is missing in `folder`, which is made if it is not there."""
    _make_keys(folder)
    _make_edge(folder / "edge", folder / "user" / "access.pem")
    _make_redis(folder)
    _make_mongo(folder)
    _make_minio(folder / "minio")
    _write(folder / "kustomization.yaml", KUSTOMIZATION)


def _make_keys(folder: Path) -> None:
    """The user service signs access tokens; the others get the public part, and what signs the tokens of services."""
    user, mesh = folder / "user", folder / "mesh"
    _folder(folder)
    generate_keys(user)
    refresh_key(user)
    _write(mesh / "mesh.pem", (user / "mesh.pem").read_text(encoding="ascii"))
    public = _access_key(user / "access.pem").public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write(mesh / "access.pem", public.decode("ascii"))


def _access_key(path: Path) -> Ed25519PublicKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path.name}: not an Ed25519 key")
    return key.public_key()


def _make_edge(folder: Path, access: Path) -> None:
    _write(folder / "jwks.json", json.dumps({"keys": [_jwk(_access_key(access))]}))
    if not (folder / "tls.crt").exists():
        certificate, key = _certificate()
        _write(folder / "tls.key", key)
        _write(folder / "tls.crt", certificate)


def _jwk(key: Ed25519PublicKey) -> Mapping[str, str]:
    x = base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode("ascii")
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key_id(key), "x": x}


def _certificate() -> tuple[str, str]:
    """A certificate that signed itself, and its key, as PEM: for trials, until the installation has a real one."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, EDGE_NAMES[0])])
    unsigned = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in EDGE_NAMES]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    certificate = unsigned.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.decode("ascii"), private.decode("ascii")


def _make_redis(folder: Path) -> None:
    if not (folder / "kv" / "url").exists():
        password = _password()
        _write(folder / "redis" / "password.conf", f"requirepass {password}\n")
        _write(folder / "kv" / "url", f"redis://:{password}@redis.{BACKING}:6379/0\n")


def _make_mongo(folder: Path) -> None:
    """One user for each service, each for its own database."""
    mongo, passwords = folder / "mongo", {service: _password() for service in STORED}
    if (mongo / "users.js").exists():
        return
    _write(mongo / "keyfile", base64.b64encode(secrets.token_bytes(96)).decode("ascii"))
    _write(mongo / "password", _password())
    for service, password in passwords.items():
        _write(folder / "store" / service, password)
    _write(mongo / "users.js", "".join(_user(service, password) for service, password in passwords.items()))


def _user(service: str, password: str) -> str:
    roles = [{"role": "readWrite", "db": service}]
    return f'db.getSiblingDB("admin").createUser({json.dumps({"user": service, "pwd": password, "roles": roles})});\n'


def _make_minio(folder: Path) -> None:
    _write(folder / "user", f"parley-{secrets.token_hex(4)}")
    _write(folder / "password", _password())


def _password() -> str:
    """192 random bits, in letters that need no quoting in a URL, a shell or a configuration."""
    return secrets.token_hex(24)


def _folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet, with its mode from the first moment."""
    _folder(path.parent)
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
