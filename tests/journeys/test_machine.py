"""The machine goes wrong below a mesh that runs: a full disk, no descriptors left, frozen, told to end under load."""

import asyncio
import ctypes
import re
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mesh.keys import generate_keys
from mesh.process import main
from mesh.telemetry import TelemetrySettings
from parley_sdk import Code, ParleyError
from standalone.app import build
from tests.files import picture
from tests.journeys.history import History, check, record
from tests.journeys.mesh import Mesh, command
from tests.journeys.people import PATIENCE, Device, People, numbered
from tests.journeys.raw import RawDevice, log_in_again, text_send
from tests.journeys.test_crash import write_through

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


@contextmanager
def limited(mesh: Mesh, kind: int, most: int) -> Iterator[None]:
    """Let the kernel give the mesh no more of something; what it has it keeps."""
    soft, hard = resource.prlimit(mesh.pid, kind)
    resource.prlimit(mesh.pid, kind, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(mesh.pid, kind, (soft, hard))


def descriptors(mesh: Mesh) -> set[int]:
    """Those that its process has open."""
    return {int(one.name) for one in Path(f"/proc/{mesh.pid}/fd").iterdir()}


async def refused(awaitable: object) -> tuple[Code, str]:
    """Why something is refused."""
    with pytest.raises(ParleyError) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value.code, caught.value.reason


async def let_in(people: People) -> Device:
    """Make a user, again and again while there is no room: whoever connects then may be hung up on."""
    while True:
        try:
            return await people.user("newcomer")
        except ParleyError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            await asyncio.sleep(0.1)


async def test_a_full_disk_is_told_and_heals_by_itself(own_people: People, own_mesh: Mesh) -> None:
    """Nothing can be written, not even the log: sends and files are refused with a reason, reads go on, nothing is
    acked; when there is room again all that was refused is taken, once, and nobody restarts anything.
    """
    ann, bob = await own_people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "before")
    login = await log_in_again(own_people.address, ann.username)
    async with RawDevice.open(own_people.address, login) as raw:
        said = text_send(chat, "refused, and then said again")
        with limited(own_mesh, resource.RLIMIT_FSIZE, 0):
            meanwhile = ann.client.send(chat, "meanwhile")
            await raw.send(said)
            [result] = await raw.until(lambda: list(raw.frame.results))
            assert (result.seq, result.error.code, result.error.reason) == (0, Code.UNAVAILABLE, "STORE_UNAVAILABLE")
            assert result.error.retry_after_ms > 0
            unavailable = (Code.UNAVAILABLE, "STORE_UNAVAILABLE")
            assert await refused(ann.client.groups.create("Full", [bob.user_id])) == unavailable
            assert await refused(ann.client.media.upload(picture(), name="full.jpg")) == unavailable
            assert [entry.seq for entry in await bob.history(chat)] == [1]
            assert not meanwhile.done()
        raw.frame.ClearField("results")
        await raw.send(said)
        sent = await asyncio.wait_for(meanwhile, 30)
        await raw.until(lambda: [one for one in raw.frame.results if one.seq])
    assert (await ann.client.media.upload(picture(), name="full.jpg")).media_id
    for device in (ann, bob):
        await device.until(lambda device=device: len(device.shown[chat]) == 3, "all three")  # type: ignore[misc]
        assert device.seqs(chat) == [1, 2, 3]
        assert sorted(device.texts(chat)) == ["before", "meanwhile", "refused, and then said again"]
    assert sent.seq in {2, 3}
    assert "store_works_again" in own_mesh.log()


async def test_without_a_descriptor_left_those_inside_go_on(people: People, bare_mesh: Mesh, tmp_path: Path) -> None:
    """Who is connected writes and reads on while nobody else can come in; when there are descriptors again they can."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "before")
    await asyncio.gather(*(device.history(chat) for device in (ann, bob) for _ in range(8)))
    used = descriptors(bare_mesh)
    most = max(used) + 4
    host, _, port = bare_mesh.address.rpartition(":")
    async with People(bare_mesh.address, tmp_path) as late:
        with limited(bare_mesh, resource.RLIMIT_NOFILE, most):
            crowd = [await asyncio.open_connection(host, int(port)) for _ in range(most - len(used) + 5)]
            async with asyncio.timeout(PATIENCE):
                while len(descriptors(bare_mesh)) < most:  # noqa: ASYNC110  another process opens them
                    await asyncio.sleep(0.02)
            coming = asyncio.create_task(let_in(late))
            await ann.say(chat, *numbered("meanwhile", range(20)))
            await bob.until_text(chat, "meanwhile 19")
            assert len(await ann.history(chat)) == 21
            for _, writer in crowd:
                writer.transport.abort()
        newcomer = await asyncio.wait_for(coming, 30)
        await newcomer.say(newcomer.chat_with(ann), "at last")
        await ann.until_text(newcomer.chat_with(ann), "at last")


async def test_a_store_that_is_slow_makes_senders_wait_and_loses_nothing(people: People, bare_mesh: Mesh) -> None:
    """While another process holds its file nothing is acked, reads and other stores go on; then all comes, in order."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "before")
    with closing(sqlite3.connect(bare_mesh.data / "message.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sends = [ann.client.send(chat, text) for text in numbered("meanwhile", range(300))]
        assert [entry.seq for entry in await bob.history(chat)] == [1]
        assert (await people.user("newcomer")).user_id
        assert not any(send.done() for send in sends)
        other.execute("ROLLBACK")
    sent = await asyncio.wait_for(asyncio.gather(*sends), 30)
    assert [one.seq for one in sent] == list(range(2, 302))
    for device in (ann, bob):
        await device.until_text(chat, "meanwhile 299")
        assert device.texts(chat) == ["before", *numbered("meanwhile", range(300))]


async def test_a_mesh_that_was_frozen_goes_on_where_it_was(people: People, bare_mesh: Mesh) -> None:
    """Stopped amid sends and continued: nothing is answered meanwhile, and then all of it once, in order."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "before")
    bare_mesh.signal(signal.SIGSTOP)
    try:
        sends = [ann.client.send(chat, text) for text in numbered("frozen", range(50))]
        done, _ = await asyncio.wait(sends, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        assert not done
    finally:
        bare_mesh.signal(signal.SIGCONT)
    sent = await asyncio.wait_for(asyncio.gather(*sends), 30)
    assert [one.seq for one in sent] == list(range(2, 52))
    for device in (ann, bob):
        await device.until_text(chat, "frozen 49")
        assert device.texts(chat) == ["before", *numbered("frozen", range(50))]


async def test_a_stop_under_load_loses_nothing(own_people: People, own_mesh: Mesh) -> None:
    """SIGTERM while five devices write without a pause: it ends with 0, and after the restart all is there, once."""
    people = await own_people.users("ann", "bob", "eve", "joe")
    away, devices = await own_people.another(people[0]), [*people, await own_people.another(people[1])]
    group = await own_people.open_group(*people)
    await away.client.disconnect()
    history, restarted = History(), asyncio.Event()
    writing = asyncio.gather(*(write_through(device, group, history, restarted) for device in devices))
    await devices[0].until(lambda: len(devices[0].shown[group]) > 50, "much written")
    own_mesh.signal(signal.SIGTERM)
    assert await asyncio.to_thread(own_mesh.wait) == 0
    await asyncio.to_thread(own_mesh.start)
    restarted.set()
    await asyncio.wait_for(writing, 30)
    await away.client.connect()
    log = await people[0].history(group)
    for device in (*devices, away):
        await device.until_seq(group, log[-1].seq)
    history.stored = [record(entry) for entry in log]
    history.take((*devices, away), [group])
    assert all(attempt.seq for attempt in history.attempts)
    assert check(history) == set()


def ends(folder: Path, says: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Start a mesh here that will not come to be; return its exit code and what it says."""
    with closing(Mesh(folder)) as mesh:
        for name, value in mesh.environment.items():
            says.setenv(name, value)
    return main("standalone", build, TelemetrySettings(log_level="warning")), capsys.readouterr().err


def test_a_damaged_store_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line that names the file, which stays as it was for whoever can mend it."""
    store, damage = tmp_path / "message.db", b"no database, " * 1_000
    store.write_bytes(damage)
    assert ends(tmp_path, monkeypatch, capsys) == (2, f"STORE_URL: cannot use {store}: file is not a database\n")
    assert store.read_bytes() == damage


def test_a_store_of_a_newer_version_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line that says what to do; the file still says that it is newer."""
    store = tmp_path / "group.db"
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA user_version = 999")
    for _ in range(2):
        code, line = ends(tmp_path, monkeypatch, capsys)
        assert code == 2
        assert re.fullmatch(rf"STORE_URL: {store} has schema 999, this program knows \d+: start a newer one\n", line)


def test_a_folder_that_is_read_only_ends_the_start(tmp_path: Path) -> None:
    """Exit code 2 and one line that names the folder, although its keys are there and can be read."""
    folder = tmp_path / "data"
    generate_keys(folder / "keys")
    folder.chmod(0o500)
    with closing(Mesh(folder)) as mesh:
        ended = subprocess.run(
            command(),
            env={**mesh.environment},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            preexec_fn=_obey,
        )
    assert (ended.returncode, ended.stderr) == (2, f"PARLEY_DATA: cannot write to {folder} (Permission denied)\n")


def _obey() -> None:
    """Of the rights of root, give up those to read and write whatever the modes of files say."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused to who is not root, and has them not
