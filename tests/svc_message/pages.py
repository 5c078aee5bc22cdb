"""A part of the web on this machine: names that lead to public addresses, and servers where these are dialled."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from svc_message.infrastructure.media.web import AiohttpWeb

HOST = "news.example.org"
ADDRESS = "93.184.215.14"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Web:
    """Who answers, where names lead, and what was dialled. Only `ADDRESS` has a server."""

    fetcher: AiohttpWeb = field(init=False)
    names: dict[str, list[Sequence[str]]] = field(default_factory=lambda: {HOST: [(ADDRESS,)]})
    dialled: list[str] = field(default_factory=list)
    asked: list[web.BaseRequest] = field(default_factory=list)
    handlers: dict[str, Handler] = field(default_factory=dict)
    port: int = 0

    async def addresses(self, host: str) -> Sequence[str]:
        """Where a name leads: each answer once, the last for ever."""
        answers = self.names.get(host, [(host,) if host[0].isdigit() else ()])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def dial(self, address: str, port: int) -> tuple[str, int]:
        """The server of the one public address."""
        assert port == 443
        self.dialled.append(address)
        return ("127.0.0.1", self.port) if address == ADDRESS else ("127.0.0.1", 1)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as the test says."""
        self.asked.append(request)
        return await self.handlers[request.path](request)

    def page(
        self,
        path: str,
        body: str | bytes,
        content_type: str = "text/html",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Serve this there."""
        content = body.encode() if isinstance(body, str) else body

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(body=content, status=status, headers={"Content-Type": content_type, **(headers or {})})

        self.handlers[path] = answer


@asynccontextmanager
async def open_web(folder: Path) -> AsyncIterator[Web]:
    """A server with a certificate for `HOST`, which its fetcher trusts."""
    certificate, key = await asyncio.to_thread(_certificate, folder)
    context, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(certificate))
    context.load_cert_chain(certificate, key)
    made = Web()
    made.fetcher = AiohttpWeb(made.dial, trust)
    runner = web.ServerRunner(web.Server(made.serve), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "web.crt").write_bytes(signed.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "web.key").write_bytes(private)
    return folder / "web.crt", folder / "web.key"
