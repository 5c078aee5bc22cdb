"""Addresses of programs outside, as settings name them: encrypted, unless they are on this very machine."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from mesh.hosts import on_this_machine, split_url
from mesh.settings import Secret, SettingError

PLAIN: Final = {"http": "https", "grpc": "grpcs"}
"""Schemes without encryption, and those with it."""

MIN_SECRET: Final = 16
"""Characters: what is shorter can be guessed."""


@dataclass(frozen=True, slots=True)
class OutsideSettings:
    """`authority` is the file of a certificate authority that vouches for them; empty trusts those of the system."""

    authority: str = ""


@dataclass(frozen=True, slots=True)
class PushSettings:
    """`url` is a webhook, `log://` for development, or empty: then nobody is notified."""

    url: str = ""
    secret: Secret = Secret()
    deadline_seconds: float = 5.0
    hold_seconds: float = 2.0
    pause_seconds: float = 5.0
    retry_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """`url` is `grpcs://host:port`, or empty: then nobody is asked."""

    url: str = ""
    secret: Secret = Secret()
    deadline_seconds: float = 0.3
    fail_open: bool = False


@dataclass(frozen=True, slots=True)
class EventSettings:
    """`sinks` is a text of TOML, see `event_sinks`; empty: nobody is told."""

    sinks: Secret = Secret()
    deadline_seconds: float = 10.0
    poll_seconds: float = 0.5
    retry_seconds: float = 0.5
    tries: int = 5
    from_start: bool = False


def secret_of(setting: str, secret: Secret) -> Secret:
    """The secret, if there is one that cannot be guessed. Raises SettingError."""
    if len(secret.reveal()) < MIN_SECRET:
        raise SettingError(f"{setting}: at least {MIN_SECRET} characters")
    return secret


@dataclass(frozen=True, slots=True)
class Address:
    """Where a program is: `scheme` is https, http, grpcs or grpc; `target` is `host:port` for gRPC and the URL else."""

    scheme: str
    target: str

    @property
    def encrypted(self) -> bool:
        """Whether the way there is."""
        return self.scheme not in PLAIN


def address_of(setting: str, url: str, *schemes: str) -> Address:
    """The address that a setting names. It may be a private one: operators know their network, and users set none.

    Raises SettingError, which names the setting and never the URL: its path may hold a secret.
    """
    parts = split_url(setting, url)
    known = {*schemes, *(plain for plain, safe in PLAIN.items() if safe in schemes)}
    if parts.scheme not in known or not parts.hostname:
        raise SettingError(f"{setting}: must be {' or '.join(f'{scheme}://host…' for scheme in schemes)}")
    if parts.username or parts.password:
        raise SettingError(f"{setting}: must hold no user and no password")
    if parts.scheme in PLAIN and not on_this_machine(parts.hostname):
        raise SettingError(f"{setting}: must be encrypted ({PLAIN[parts.scheme]}), for it is not on this machine")
    return Address(parts.scheme, url if parts.scheme.startswith("http") else _target(setting, parts))


def _target(setting: str, parts: SplitResult) -> str:
    if parts.port is None or parts.path.strip("/") or parts.query:
        raise SettingError(f"{setting}: must be {parts.scheme}://host:port")
    host = parts.hostname or ""
    return f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"
