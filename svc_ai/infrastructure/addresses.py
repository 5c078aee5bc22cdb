"""Where a model is, as a setting names it."""

import ssl

from mesh.hosts import on_this_machine, split_url
from mesh.settings import SettingError


def check_url(url: str, setting: str) -> None:
    """Raise SettingError, which never quotes a value, unless this is where an API may be."""
    parts = split_url(f"{setting}_URL", url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise SettingError(f"{setting}_URL: must be https://host…")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingError(f"{setting}_URL: must hold no user, no password and no query; the key is {setting}_KEY_FILE")
    if parts.scheme == "http" and not on_this_machine(parts.hostname):
        raise SettingError(f"{setting}_URL: must be encrypted (https), for it is not on this machine")


def trusted(authority: str, setting: str) -> ssl.SSLContext:
    """Whose certificates are believed: those of a file, or of the system. Raises SettingError."""
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError):
        raise SettingError(f"{setting}_AUTHORITY: cannot be read") from None
