"""Redis: routes and other things that may vanish."""

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from real import fetch, folder, ports, ready, trust

JAR: Final = "com.github.codemonstur:embedded-redis:1.4.3"
SHA256: Final = "ffbc63265c60d25dee453d6f656b527d98200d98657c6a0ab4dec4ea2c3a5cd6"
BINARY: Final = "redis-server-6.2.6-v5-linux-amd64"
"""Says of itself that it is 6.2.11; unlike the Redis of the wheels on PyPI it was built with TLS."""


class Redis:
    """One server that keeps nothing on the disk: nothing in it is the truth."""

    name = "redis"
    port = ports.REDIS
    home = folder.PARTS / "redis-6.2.11"

    def install(self) -> None:
        """See Part."""
        if self.home.exists():
            return
        getting = self.home.with_suffix(".part")
        shutil.rmtree(getting, ignore_errors=True)
        with zipfile.ZipFile(fetch.maven(JAR, SHA256, getting)) as packed:
            packed.extract(BINARY, getting)
        (getting / BINARY).rename(getting / "redis-server")
        (getting / "redis-server").chmod(0o755)
        getting.rename(self.home)

    def command(self) -> Sequence[str]:
        """See Part."""
        return (
            str(self.home / "redis-server"),
            *((str(_with_certificates()),) if trust.ON else ("--port", str(self.port))),
            "--bind", "127.0.0.1",
            "--save", "",
            "--appendonly", "no",
            "--maxmemory", "1gb",
            "--maxmemory-policy", "volatile-ttl",
            "--dir", str(folder.data(self.name)),
        )  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        return {}

    def answers(self) -> bool:
        """See Part."""
        return ready.tcp(self.port)

    def url(self) -> str:
        """See Part."""
        if not trust.ON:
            return f"redis://127.0.0.1:{self.port}/0"
        given = trust.query(**trust.files("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"))
        return f"rediss://:{trust.password(self.name)}@127.0.0.1:{self.port}/0{given}"


def _with_certificates() -> Path:
    """A configuration for TLS, in a file: a password among the arguments of a process is seen by everybody."""
    mine = trust.pair(Redis.name)
    lines = (
        "port 0",
        f"tls-port {Redis.port}",
        f"tls-cert-file {mine.certificate}",
        f"tls-key-file {mine.key}",
        f"tls-ca-cert-file {trust.authority().certificate}",
        "tls-auth-clients yes",
        f"requirepass {trust.password(Redis.name)}",
        "",
    )
    return trust.secret_file("redis.conf", "\n".join(lines))
