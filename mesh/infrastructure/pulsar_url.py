"""What a URL of the broker on Pulsar says: where it is, who we are there, and where our topics are."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from mesh.settings import SettingError

HOSTS: Final = re.compile(r"[\w.\-:\[\],]+")


@dataclass(frozen=True, slots=True)
class PulsarSettings:
    """Where the broker is, who we are there, and where our topics are."""

    service_url: str
    tenant: str = "public"
    namespace: str = "default"
    token_file: str = ""
    ca_file: str = ""

    @classmethod
    def parse(cls, url: str) -> "PulsarSettings":
        """Raises SettingError, which shows no part of the URL but the names of its options."""
        parts = urlsplit(url)
        if not HOSTS.fullmatch(parts.netloc) or parts.path.strip("/"):
            raise SettingError("BROKER_URL: not of the form pulsar://host:port[,host:port][?option=value]")
        options = dict(parse_qsl(parts.query))
        unknown = options.keys() - {"tenant", "namespace", "token_file", "ca_file"}
        if unknown:
            raise SettingError(f"BROKER_URL: no such option: {', '.join(sorted(unknown))}")
        return cls(f"{parts.scheme}://{parts.netloc}", **options)

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return f"non-persistent://{self.tenant}/{self.namespace}/{quote(name, safe='')}"
