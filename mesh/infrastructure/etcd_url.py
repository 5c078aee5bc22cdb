"""What a URL of the registry on etcd says: where it is, and how a client knows it and is known to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import grpc

from mesh.settings import SettingError

FORM: Final = (
    "etcd://host:port[,host:port...][?prefix=/ending/with/a/slash/], "
    "or etcds:// with TLS [&ca_file=...][&cert_file=...&key_file=...]"
)
"""What a URL must be, in words that are shown when it is not."""

PREFIX: Final = "/parley/nodes/"


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """`ca_file` are the authorities that are trusted, PEM; those of gRPC when it is empty.

    `cert_file` and `key_file` are what this process shows, both or none: etcd's users may be certificates.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> "EtcdTls":
        """Raises ValueError for an option that there is not, or half of a pair."""
        if options.keys() - {"ca_file", "cert_file", "key_file"}:
            raise ValueError("an option that there is not")
        made = cls(**options)
        if bool(made.cert_file) != bool(made.key_file):
            raise ValueError("a certificate without its key")
        return made

    def credentials(self) -> grpc.ChannelCredentials:
        """What a channel needs. Raises SettingError for a file that cannot be read, with its option's name only."""
        return grpc.ssl_channel_credentials(
            _read("ca_file", self.ca_file), _read("key_file", self.key_file), _read("cert_file", self.cert_file)
        )


def _read(option: str, path: str) -> bytes | None:
    if not path:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SettingError(f"REGISTRY_URL: {option}: {error.strerror}") from None
    # gRPC takes anything, and then calls every server one that is away.
    if b"-----BEGIN " not in content:
        raise SettingError(f"REGISTRY_URL: {option}: not a PEM file")
    return content


def parse(url: str) -> tuple[list[str], str, EtcdTls | None]:
    """Return endpoints, prefix, and what TLS needs. Raises ValueError unless the URL is of the FORM."""
    parts = urlsplit(url)
    endpoints = parts.netloc.split(",")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = query.pop("prefix", PREFIX)
    tls = EtcdTls.of(query) if parts.scheme == "etcds" else None
    if parts.path.strip("/") or (query and tls is None) or parts.fragment or not prefix.endswith("/"):
        raise ValueError(FORM)
    if not all(_is_endpoint(one) for one in endpoints):
        raise ValueError(FORM)
    return endpoints, prefix, tls


def _is_endpoint(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and "@" not in host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536  # noqa: PLR2004 - the ports of TCP
