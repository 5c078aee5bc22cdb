"""Parts that take nobody in without a certificate or a token: what the adapters say when it is the wrong one.

Needs a mesh with PARLEY_REAL_TLS=yes; that the right one is let in is what the suites of `conformance` show there.
"""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.infrastructure.etcd_registry import EtcdRegistry
from mesh.infrastructure.pulsar import PulsarBroker
from mesh.infrastructure.redis import RedisKeyValue
from mesh.registry import Node
from real import trust
from real.authority import Authority

pytestmark = pytest.mark.real

SOON_S: Final = 15.0
REFUSED: Final = "our certificate is refused, or we show none"
WRONG: Final = "canary-8d1f"


def with_options(url: str, **options: str) -> str:
    """The same URL with other options; an empty one is left out."""
    parts = urlsplit(url)
    old = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return parts._replace(query=urlencode({k: v for k, v in {**old, **options}.items() if v})).geturl()


def told(capsys: pytest.CaptureFixture[str], why: str) -> list[str]:
    """The lines of the log that say so. Neither the password of Redis nor a wrong one is in any of them."""
    found = capsys.readouterr()
    secret = urlsplit(os.environ["PARLEY_TEST_REDIS"]).password
    assert secret
    assert not [one for one in (secret, WRONG) if one in found.out + found.err]
    return [line for line in found.out.splitlines() if why in line]


async def registered(url: str) -> None:
    """Try to say in etcd that a node is there."""
    async with asyncio.timeout(SOON_S), aclosing(EtcdRegistry(url, SystemClock())) as registry:
        announced = registry.register("test", Node("test-1", "b", "10.0.0.1:1"))
        await announced.__aenter__()
        await announced.__aexit__(None, None, None)


async def test_etcd_refuses_who_shows_no_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that it is our certificate that is wanting."""
    await registered(with_options(os.environ["PARLEY_TEST_ETCD"], cert_file="", key_file=""))
    assert len(told(capsys, REFUSED)) == 1


async def test_etcd_refuses_a_certificate_of_somebody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for one that another authority has signed."""
    other = Authority(tmp_path).issue("node")
    url = with_options(os.environ["PARLEY_TEST_ETCD"], cert_file=str(other.certificate), key_file=str(other.key))
    await registered(url)
    assert len(told(capsys, REFUSED)) == 1


async def asked(url: str, capsys: pytest.CaptureFixture[str], why: str) -> list[str]:
    """Ask Redis what it does not answer until that is told, and some times more; what was told then."""
    lines: list[str] = []
    async with asyncio.timeout(SOON_S), aclosing(RedisKeyValue(url, SystemClock())) as kv:
        more = 3
        while more:
            with pytest.raises(MeshError, match="UNAVAILABLE"):
                await kv.read(["a"])
            await asyncio.sleep(0.1)
            lines += told(capsys, why)
            more -= bool(lines)
    return lines


async def test_redis_refuses_who_shows_no_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, however often it is asked."""
    url = with_options(os.environ["PARLEY_TEST_REDIS"], ssl_certfile="", ssl_keyfile="")
    assert len(await asked(url, capsys, REFUSED)) == 1


async def test_redis_refuses_a_wrong_password(capsys: pytest.CaptureFixture[str]) -> None:
    """The certificate alone does not open it; the line has no password."""
    parts = urlsplit(os.environ["PARLEY_TEST_REDIS"])
    url = parts._replace(netloc=f":{WRONG}@{parts.hostname}:{parts.port}").geturl()
    assert len(await asked(url, capsys, "the password is refused")) == 1


@pytest.mark.parametrize("token", ["", WRONG, trust.token(WRONG)])
async def test_pulsar_refuses_a_wrong_token(token: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """None, one that is no token, and one that another key has signed: one line says that it is the token."""
    (tmp_path / "token").write_text(token)
    url = with_options(os.environ["PARLEY_TEST_PULSAR"], token_file=str(tmp_path / "token"))
    async with asyncio.timeout(SOON_S), aclosing(PulsarBroker(url, SystemClock())) as broker:
        with pytest.raises(MeshError, match="UNAVAILABLE"):
            await broker.publish("test", b"x")
    assert len(told(capsys, "our token is refused")) == 1
