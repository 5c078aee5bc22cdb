"""How a process and its parts are, as an exporter reads it."""

import asyncio
import io
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from k8s.credentials import make
from mesh import vitals
from mesh.backends import Backends, BackendSettings, open_backends
from mesh.certificates import ends, show_certificates
from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_checkpoint import Checkpointer
from mesh.settings import Secret
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from mesh.vitals import LoopLag, memory, memory_limit, part_free, show_database, show_parts
from tests.mesh.echo import until
from tests.mesh.sqlite_file import SCHEMA

YEAR_S = 365 * 86_400


class Seen:
    """A process's telemetry, and what an exporter reads of it."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.telemetry = self.telemetry_of([self.reader])

    @staticmethod
    def telemetry_of(readers: list[Any]) -> Telemetry:
        """Of a service that is called test."""
        return open_telemetry("test", TelemetrySettings(), output=io.StringIO(), readers=readers)

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """What a metric says now, by the values of its labels."""
        data = self.reader.get_metrics_data()
        points = [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return {tuple(map(str, (point.attributes or {}).values())): point.value for point in points}  # type: ignore[union-attr]  # no histogram

    def resource(self) -> dict[str, Any]:
        """Who the exporter says that this is."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return dict(data.resource_metrics[0].resource.attributes)


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_services_of_one_process_share_a_metric(seen: Seen) -> None:
    """Each shows its own number under one name; one that has nothing to say is left out."""
    numbers: dict[str, float | None] = {"user": 1.0, "group": None}
    for service in numbers:
        seen.telemetry.show("queue", "{item}", "what waits", partial(numbers.get, service), service=service)
    assert seen.values("queue") == {("user",): 1.0}
    numbers |= {"user": 2.0, "group": 3.0}
    assert seen.values("queue") == {("user",): 2.0, ("group",): 3.0}
    seen.telemetry.close()


def test_processes_are_told_apart(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has an id of its own, that no other process makes; where the surroundings name one, that is it."""
    seen.telemetry.show("one", "", "one", lambda: 1)
    made = (
        "from opentelemetry.sdk.resources import Resource; print(Resource.create().attributes['service.instance.id'])"
    )
    other = subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=True, timeout=60)
    assert len(seen.resource()["service.instance.id"]) >= 12
    assert seen.resource()["service.instance.id"] != other.stdout.strip()
    seen.telemetry.close()
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=user-7f")
    named = Seen()
    named.telemetry.show("one", "", "one", lambda: 1)
    assert named.resource()["service.instance.id"] == "user-7f"
    assert named.resource()["service.name"] == "test"
    named.telemetry.close()


class Time:
    """That of the machine, which stands still while nobody lets it pass."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


async def test_a_loop_that_hangs_is_seen_while_it_hangs_and_once_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter's thread asks: what waits now counts, what waited since the last look too, and then it is over."""
    machine, lag = Time(), LoopLag(asyncio.get_running_loop())
    monkeypatch.setattr(vitals, "time", machine)
    assert lag() == 0.0
    machine.now += 2.0
    assert lag() == 2.0
    await turns()
    assert lag() == 2.0
    await turns()
    assert lag() == 0.0


async def turns() -> None:
    """Let what was handed to the loop run."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_loop_that_has_ended_is_no_error() -> None:
    """The last export comes when the process has no loop any more."""
    loop = asyncio.new_event_loop()
    lag = LoopLag(loop)
    loop.close()
    assert lag() == 0.0
    assert lag() == 0.0


def test_memory_is_that_of_this_process() -> None:
    """It grows with what is kept."""
    before = memory()
    kept = bytearray(b"x" * 50_000_000)
    after = memory()
    assert before is not None
    assert after is not None
    assert after - before > len(kept) / 2


@pytest.mark.parametrize(
    "files, limit",
    [
        (["1073741824\n"], 1_073_741_824.0),
        (["max\n"], None),
        ([None, "268435456\n"], 268_435_456.0),
        ([None, "9223372036854771712\n"], None),
        ([None, None], None),
    ],
    ids=["limited", "not limited", "older", "older, not limited", "no container"],
)
def test_the_limit_is_that_of_the_container(
    files: list[str | None], limit: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both versions of control groups; none where there is none, so that no share of it is made."""
    paths = tuple(tmp_path / str(number) for number in range(len(files)))
    for path, text in zip(paths, files, strict=True):
        if text is not None:
            path.write_text(text, encoding="ascii")
    monkeypatch.setattr(vitals, "LIMITS", paths)
    assert memory_limit() == limit


async def test_a_database_says_how_it_is(seen: Seen, tmp_path: Path) -> None:
    """It answers, its log is moved, and part of its disk is free."""
    async with Database(tmp_path / "test.db", SCHEMA) as database:
        show_database(seen.telemetry, "user", database)
        assert seen.values("store.away") == {("user",): 0}
        assert seen.values("store.unmoved") == {("user",): 0}
        [free] = seen.values("store.disk.free").values()
        assert 0 < free < 1
    seen.telemetry.close()


def test_a_disk_that_is_not_there_has_no_share(tmp_path: Path) -> None:
    """Nothing is said of it, and nothing is raised in the exporter."""
    assert part_free(tmp_path / "gone") is None


def test_a_log_that_cannot_be_moved_is_seen(tmp_path: Path) -> None:
    """From the first move that has no connection on, until there is one."""

    def connect() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    checkpointer = Checkpointer(connect, "move")
    checkpointer._open()
    assert checkpointer.failing
    checkpointer._connect = lambda: sqlite3.connect(tmp_path / "test.db")
    opened = checkpointer._open()
    assert opened is not None
    opened.close()
    assert not checkpointer.failing


@pytest.fixture
async def behind() -> AsyncIterator[Backends]:
    """Parts at an address where nobody listens."""
    address = "127.0.0.1:1"
    settings = BackendSettings(f"etcd://{address}", f"pulsar://{address}", Secret(f"redis://{address}"))
    async with aclosing(open_backends(settings, SystemClock())) as backends:
        yield backends


async def watch(behind: Backends) -> None:
    """Ask a registry for nodes, for as long as it takes."""
    async for _ in behind.registry.watch("user"):
        pass


async def test_parts_that_do_not_answer_are_seen(seen: Seen, behind: Backends) -> None:
    """Nothing is said against a part that nobody asked; a cache and a registry that are asked in vain are away."""
    show_parts(seen.telemetry, behind.parts())
    assert seen.values("part.away") == {("registry",): 0, ("broker",): 0, ("cache",): 0}
    with pytest.raises(MeshError):
        await behind.kv.put("key", "field", b"", 1.0)
    watching = asyncio.create_task(watch(behind))
    await until(lambda: seen.values("part.away") == {("registry",): 1, ("broker",): 0, ("cache",): 1})
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    seen.telemetry.close()


def test_parts_in_this_process_are_never_away(seen: Seen) -> None:
    """A mesh in one process shows none."""
    show_parts(seen.telemetry, open_backends(BackendSettings(), SystemClock()).parts())
    assert seen.values("part.away") == {}
    seen.telemetry.close()


def test_certificates_say_when_they_end(seen: Seen, tmp_path: Path) -> None:
    """Those that the options of an address name; a key, a token and a file that is not there are passed over."""
    make(tmp_path)
    certificate, key = tmp_path / "edge" / "tls.crt", tmp_path / "edge" / "tls.key"
    urls = [f"etcds://host:2379?cert_file={certificate}&key_file={key}", "memory://", "pulsar://host?tenant=public"]
    show_certificates(seen.telemetry, [*urls, f"mongodb://a:1,b:2/user?tlsCAFile={tmp_path / 'gone'}"])
    [(file, left)] = seen.values("certificate.expires").items()
    assert file == (str(certificate),)
    assert left == pytest.approx(time.time() + YEAR_S, abs=86_400)
    certificate.write_text("being renewed", encoding="ascii")
    assert ends(certificate) is None
    assert seen.values("certificate.expires") == {}
    seen.telemetry.close()
