"""Which web addresses this service may fetch: an address is judged by its words, and again by where its name leads."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.reasons import Reason

PORT: Final = 443
MAX_LENGTH: Final = 2_048
HOST: Final = re.compile(r"(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""Names with a dot whose last part is no number: 127.1, 0x7f000001 and 2130706433 are addresses to some programs."""

INSIDE: Final = (
    ".local",
    ".localhost",
    ".internal",
    ".intranet",
    ".lan",
    ".home",
    ".corp",
    ".arpa",
    ".svc",
    ".cluster.local",
)
"""Ends of names that are never public."""

PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
WITHIN_V6: Final = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Parts of it that are no places, or hold an address of version 4."""

RELAYS_V4: Final = ipaddress.IPv4Network("192.88.99.0/24")


@dataclass(frozen=True, slots=True)
class Link:
    """An address that may be fetched, as far as its words tell: `host` is a name in ASCII or an address."""

    url: str
    host: str


def checked(url: str) -> Link:
    """The link of an address. Raises LINK_REFUSED."""
    parts = _split(url)
    if parts.scheme != "https":
        raise refused("only https addresses are fetched")
    if parts.username is not None or parts.password is not None:
        raise refused("an address with a user name is not fetched")
    if _port(parts) not in (None, PORT):
        raise refused(f"only port {PORT} is fetched")
    host = _host(parts.hostname or "")
    at = f"[{host}]" if ":" in host else host
    return Link(parts._replace(netloc=at, fragment="").geturl(), host)


def public(address: str) -> bool:
    """Whether an address is one of the public network: none of this machine, of a network inside, or of nobody."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        return found in PUBLIC_V6 and not any(found in one for one in WITHIN_V6)
    return found.is_global and not found.is_multicast and not found.is_reserved and found not in RELAYS_V4


def refused(message: str) -> MeshError:
    """The answer to an address that is not fetched."""
    return errors.invalid(Reason.LINK_REFUSED, message)


def unreachable(message: str) -> MeshError:
    """The answer when a page cannot be had."""
    return errors.precondition(Reason.LINK_UNREACHABLE, message)


def private() -> MeshError:
    """The answer to an address that leads to a network that is not public."""
    return refused("this address does not lead to the public network")


def _split(url: str) -> SplitResult:
    if len(url) > MAX_LENGTH or any(one <= " " or one in {"\\", "\x7f"} for one in url):
        raise refused("this is no web address")
    try:
        return urlsplit(url)
    except ValueError:
        raise refused("this is no web address") from None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise refused("this is no web address") from None


def _host(host: str) -> str:
    """A public address, or a name that may lead to one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _name(host)
    if not public(host):
        raise private()
    return str(address)


def _name(host: str) -> str:
    try:
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise refused("this is no web address") from None
    if not HOST.fullmatch(name) or name.endswith(INSIDE):
        raise private()
    return name
