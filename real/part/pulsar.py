"""Apache Pulsar: a topic for each node."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from real import fetch, folder, ports, ready, trust

VERSION: Final = "4.0.6"
SHA256: Final = "e20d4c7ed6edad1fc81fc0c249ac62a5dae60b167561bd6ec77944e5a46bbfcc"

CHANGES: Final = {
    "bindAddress": "127.0.0.1",
    "listeningInterface": "lo",  # the bookie's, which would listen to all the world
    "allowLoopback": "true",
    "brokerServicePort": str(ports.PULSAR),
    "webServicePort": str(ports.PULSAR_ADMIN),
    "numIOThreads": "2",
    "numHttpServerThreads": "4",
    "managedLedgerNewEntriesCheckDelayInMillis": "0",  # a reader at the end waited up to 10 ms for each entry
    "brokerDeleteInactiveTopicsEnabled": "true",
    "brokerDeleteInactiveTopicsFrequencySeconds": "30",
    "brokerDeleteInactiveTopicsMaxInactiveDurationSeconds": "60",
    "brokerDeleteInactiveTopicsMode": "delete_when_no_subscriptions",
}
"""What differs from the configuration that comes with it."""


class Pulsar:
    """A standalone broker with its own bookie."""

    name = "pulsar"
    port = ports.PULSAR
    admin_port = ports.PULSAR_ADMIN
    home = folder.PARTS / f"pulsar-{VERSION}"

    def install(self) -> None:
        """See Part."""
        fetch.tool("java")
        if not self.home.exists():
            artifact = f"org.apache.pulsar:pulsar-server-distribution:{VERSION}:tar.gz:bin"
            packed = fetch.maven(artifact, SHA256, fetch.DOWNLOADS)
            fetch.untar(packed, self.home)
            packed.unlink()

    def command(self) -> Sequence[str]:
        """See Part. It begins with nothing: its topics keep nothing, and a bookie that was killed twice over the same
        data has been seen to loop for ever.
        """
        shutil.rmtree(folder.data(self.name))
        data = folder.data(self.name)
        return (
            str(self.home / "bin/pulsar"),
            "standalone",
            "--no-functions-worker",
            "--no-stream-storage",
            "--advertised-address=127.0.0.1",
            f"--metadata-dir={data / 'meta'}",
            f"--bookkeeper-dir={data / 'bookkeeper'}",
        )

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        return {
            "PULSAR_MEM": "-Xms512m -Xmx1g -XX:MaxDirectMemorySize=1g",
            "PULSAR_GC": "-XX:+UseG1GC",
            "PULSAR_GC_LOG": "-Xlog:disable",
            "PULSAR_LOG_LEVEL": "warn",
            "PULSAR_STANDALONE_CONF": str(_configuration(self.home)),
        }

    def answers(self) -> bool:
        """See Part."""
        return ready.http(self.admin_port, "/admin/v2/brokers/health", headers())

    def url(self) -> str:
        """See Part."""
        if not trust.ON:
            return f"pulsar://127.0.0.1:{self.port}"
        given = trust.query(ca_file=trust.authority().certificate, token_file=trust.token_file())
        return f"pulsar+ssl://127.0.0.1:{self.port}{given}"


def headers() -> Mapping[str, str]:
    """What its REST interface wants to see besides."""
    return {"Authorization": f"Bearer {trust.token(trust.password('token'))}"} if trust.ON else {}


def _secured() -> Mapping[str, str]:
    """What differs besides with TLS: it shows a certificate, and wants a token."""
    mine, authority, token = trust.pair(Pulsar.name), trust.authority().certificate, trust.token_file()
    return {
        "brokerServicePort": "",
        "brokerServicePortTls": str(ports.PULSAR),
        "tlsCertificateFilePath": str(mine.certificate),
        "tlsKeyFilePath": str(mine.key),
        "authenticationEnabled": "true",
        "authenticationProviders": "org.apache.pulsar.broker.authentication.AuthenticationProviderToken",
        "tokenSecretKey": f"file://{trust.key_file()}",
        # It is a client of itself, when it is asked for its health, and wants to have all of itself with TLS.
        "webServicePortTls": str(ports.PULSAR_ADMIN_TLS),
        "numHttpServerThreads": "8",
        "brokerClientTlsEnabled": "true",
        "brokerClientTrustCertsFilePath": str(authority),
        "brokerClientAuthenticationPlugin": "org.apache.pulsar.client.impl.auth.AuthenticationToken",
        "brokerClientAuthenticationParameters": f"file://{token}",
    }


def _configuration(home: Path) -> Path:
    """The configuration that comes with it, with our changes at the end: the last word counts."""
    path, changes = folder.data(Pulsar.name) / "standalone.conf", {**CHANGES, **(_secured() if trust.ON else {})}
    lines = (home / "conf/standalone.conf").read_text().splitlines()
    kept = [line for line in lines if line.partition("=")[0] not in changes]
    path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in changes.items()), ""]))
    return path
