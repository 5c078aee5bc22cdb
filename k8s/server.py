"""A real API server on a real etcd, for as long as a check takes: on free ports of this machine, nothing kept."""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from k8s.tools import Tools

START_S: Final = 60.0
STOP_S: Final = 10.0
POLL_S: Final = 0.2


class ServerError(Exception):
    """The server did not come up; the text says where its log is."""


class Cluster:
    """The server as kubectl sees it."""

    def __init__(self, kubectl: Path, config: Path) -> None:
        self._command = (str(kubectl), "--kubeconfig", str(config))

    def run(self, *arguments: str, documents: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl with these documents on its standard input; its exit code is the caller's to judge."""
        command = [*self._command, *arguments]
        return subprocess.run(command, input=documents, capture_output=True, text=True, check=False, timeout=120)

    def ready(self) -> bool:
        """Whether the server takes requests."""
        return self.run("get", "--raw=/readyz").stdout == "ok"


@contextmanager
def running(tools: Tools, logs: Path) -> Iterator[Cluster]:
    """A fresh server, gone at the end with all that it had. Logs of the last run are kept. Raises ServerError."""
    logs.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary, ExitStack() as stack:
        work = Path(temporary)
        etcd_port, peer_port, port = _free_ports(3)
        stack.enter_context(_started(_etcd(tools, work, etcd_port, peer_port), logs / "etcd.log"))
        token = _prepare(work)
        server = stack.enter_context(
            _started(_apiserver(tools, work, etcd_port, port), logs / "kube-apiserver.log"),
        )
        cluster = Cluster(tools.kubectl, _kubeconfig(work, port, token))
        _await(cluster, server, logs / "kube-apiserver.log")
        yield cluster


def _etcd(tools: Tools, work: Path, port: int, peer_port: int) -> Sequence[str]:
    here, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return (
        str(tools.etcd),
        f"--data-dir={work / 'etcd'}",
        f"--listen-client-urls={here}",
        f"--advertise-client-urls={here}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--log-level=warn",
        "--unsafe-no-fsync",
    )


def _apiserver(tools: Tools, work: Path, etcd_port: int, port: int) -> Sequence[str]:
    """Admission as a server has it when nobody says otherwise: PodSecurity is part of it."""
    return (
        str(tools.apiserver),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={work / 'certificates'}",
        f"--token-auth-file={work / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={work / 'accounts.pem'}",
        f"--service-account-key-file={work / 'accounts.pem'}",
    )


def _prepare(work: Path) -> str:
    """Write what the server reads at its start; return the token of its administrator."""
    token, key = secrets.token_hex(16), ec.generate_private_key(ec.SECP256R1())
    _private(work / "tokens.csv", f"{token},check,check,system:masters\n".encode())
    _private(work / "accounts.pem", key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return token


def _private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def _kubeconfig(work: Path, port: int, token: str) -> Path:
    path = work / "kubeconfig"
    text = f"""apiVersion: v1
kind: Config
current-context: check
contexts: [{{name: check, context: {{cluster: check, user: check}}}}]
clusters:
  - name: check
    cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: {work / "certificates" / "apiserver.crt"}}}
users: [{{name: check, user: {{token: {token}}}}}]
"""
    _private(path, text.encode())
    return path


@contextmanager
def _started(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended at the end, by force when it does not go."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(cluster: Cluster, server: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_S
    while not cluster.ready():
        if server.poll() is not None or time.monotonic() > ends:
            raise ServerError(f"the API server did not start: see {log}")
        time.sleep(POLL_S)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
