"""An authority of this machine's own, and the certificates with which the parts and their clients know each other."""

import datetime as dt
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ADDRESS: Final = "127.0.0.1"
VALID: Final = dt.timedelta(days=90)
"""Made anew after half of it, by whoever needs one."""

AGO: Final = dt.timedelta(hours=1)
"""Since when they are valid: clocks differ."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate and of its private key, PEM, the key as PKCS #8 and readable by its owner only."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `certificate` is the file of what whoever trusts it must have."""

    def __init__(self, folder: Path) -> None:
        """Make it in this folder, unless it is there and will be valid for a while."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._pair = Pair(folder / "ca.crt", folder / "ca.key")
        if not _lasts(self._pair.certificate):
            key = ec.generate_private_key(ec.SECP256R1())
            _write(self._pair, key, _signed(f"authority {secrets.token_hex(4)}", key, None, key, VALID))

    @property
    def certificate(self) -> Path:
        """See the class."""
        return self._pair.certificate

    def issue(self, name: str, lasts: dt.timedelta = VALID) -> Pair:
        """A certificate for 127.0.0.1, for servers and clients; `lasts` counts from now, and may be below zero."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self._pair.certificate.read_bytes())
        signer = load_pem_private_key(self._pair.key.read_bytes(), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is none of ours")
        pair = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        _write(pair, key, _signed(name, key, issuer, signer, lasts))
        return pair


def _lasts(certificate: Path) -> bool:
    if not certificate.exists():
        return False
    ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return ends - dt.datetime.now(dt.UTC) > VALID / 2


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signer: ec.EllipticCurvePrivateKey,
    lasts: dt.timedelta,
) -> x509.Certificate:
    """Without an issuer it is an authority's."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer.subject if issuer else subject, subject, key.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(min(now, now + lasts) - AGO).not_valid_after(now + lasts)
    for extension in _uses() if issuer else (x509.BasicConstraints(ca=True, path_length=0),):
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, hashes.SHA256())


def _uses() -> Sequence[x509.ExtensionType]:
    return (
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
    )


def _write(pair: Pair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
