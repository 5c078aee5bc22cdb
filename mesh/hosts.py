"""What a setting says of where something is. Pure Python."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from mesh.settings import SettingError


def split_url(setting: str, url: str) -> SplitResult:
    """The parts of the URL in a setting. Raises SettingError, which never quotes the value, when it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SettingError(f"{setting}: not a URL") from None
    return parts


def on_this_machine(host: str) -> bool:
    """Whether it is this very machine, by the name alone: what goes there need not be encrypted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
