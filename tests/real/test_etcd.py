"""The registry on an etcd that is killed, wiped, compacted and late."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import aetcd.rpc as pb
import grpc
import pytest

from mesh.infrastructure.etcd import Away, Etcd
from mesh.infrastructure.etcd_registry import EtcdRegistry
from mesh.keys import generate_keys
from mesh.registry import Node
from tests.proxy import Proxy
from tests.real.etcd_server import ONE, TWO, WAIT_S, Seen, address, another_process, etcd, last, registry, watching
from tests.real.program import Program, free_port

pytestmark = pytest.mark.real

AT_ONCE_S = 4.0
"""Less than what is left of a lease that is kept alive."""
CANARY = "canary-8d1f"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    """An etcd that is not started yet."""
    program = etcd(tmp_path)
    yield program
    program.kill()


@pytest.fixture
def running(server: Program) -> Program:
    """An etcd that runs."""
    server.start()
    return server


async def test_a_restart_is_not_seen_by_those_who_watch(running: Program) -> None:
    """It is killed and started: the list never changes meanwhile, and the watch goes on with what comes then."""
    async with registry(address(running)) as ours, registry(address(running)) as theirs, watching(theirs) as seen:
        async with ours.register("message", ONE):
            await seen.until(last(ONE))
            running.kill()
            await _until_away(theirs)
            assert theirs.nodes("message") == (ONE,)
            await asyncio.to_thread(running.start)
            async with ours.register("message", TWO):
                await seen.until(last(ONE, TWO))
            await seen.until(last(ONE), within_s=AT_ONCE_S)
        await seen.until(last(), within_s=AT_ONCE_S)
    assert [state for state in seen.states if state] == [(ONE,), (ONE, TWO), (ONE,)]


async def _until_away(of: EtcdRegistry) -> None:
    """Until etcd refuses the registry's own client."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await of._etcd.snapshot("/")
            except Away:
                return


async def test_what_happened_while_a_watcher_was_away_is_not_missed(running: Program) -> None:
    """One node went and one came, and etcd has compacted that history: the watcher is shown what is true now."""
    async with Proxy(address(running)) as proxy, registry(address(running)) as ours, registry(proxy.address) as theirs:
        one = ours.register("message", ONE)
        await one.__aenter__()
        async with watching(theirs) as seen:
            await seen.until(last(ONE))
            proxy.answers_lost = True
            await proxy.cut()
            await one.__aexit__(None, None, None)
            async with ours.register("message", TWO):
                await compact(running)
                assert seen.states == [(ONE,)]
                proxy.answers_lost = False
                await proxy.cut()
                await seen.until(last(TWO))
                assert seen.states == [(ONE,), (TWO,)]


async def compact(server: Program) -> None:
    """Let etcd forget all that is not current."""
    async with grpc.aio.insecure_channel(address(server)) as channel:
        stub = pb.KVStub(channel)
        now = (await stub.Range(pb.RangeRequest(key=b"x"))).header.revision
        await stub.Compact(pb.CompactionRequest(revision=now, physical=True))


async def test_a_watch_from_before_a_compaction_ends(running: Program) -> None:
    """A history that is gone is an error and not a silence: the follower then reads everything again."""
    async with aclosing(Etcd([address(running)])) as client:
        lease = await client.grant(8)
        for value in (b"1", b"2", b"3"):
            await client.put("/a/b", value, lease)
        now = (await client.snapshot("/a/")).revision
        async with aclosing(client.changes("/a/", now - 2)) as changes:
            first = await anext(changes)
            assert (first.revision, first.values) == (now, [("/a/b", b"2"), ("/a/b", b"3")])
        await compact(running)
        async with aclosing(client.changes("/a/", now - 3)) as changes:
            with pytest.raises(Away):
                await anext(changes)


async def test_a_killed_process_is_gone_within_ten_seconds(running: Program) -> None:
    """Nobody withdraws it: its lease ends."""
    with another_process(running) as process:
        async with registry(address(running)) as ours, watching(ours) as seen:
            await seen.until(last(ONE))
            process.kill()
            await seen.until(last(), within_s=10.0)


async def test_an_etcd_that_lost_its_data_empties_no_list(running: Program, tmp_path: Path) -> None:
    """Its nodes stay for a lease, announce themselves again meanwhile, and one that is really gone goes then."""
    with another_process(running) as process:
        async with registry(address(running)) as ours, watching(ours) as seen, ours.register("message", TWO):
            await seen.until(last(ONE, TWO))
            running.kill()
            process.kill()
            shutil.rmtree(tmp_path / "data")
            await asyncio.to_thread(running.start)
            before = len(seen.states)
            await seen.until(lambda states: len(states) > before)
            assert seen.states[before:] == [(TWO,)]
            async with registry(address(running)) as others, watching(others) as fresh:
                await fresh.until(last(TWO))


async def test_a_node_whose_lease_was_lost_announces_itself_again(running: Program) -> None:
    """Whoever ended the lease, the node is back with the next sign of life."""
    async with registry(address(running)) as ours, registry(address(running)) as theirs, watching(theirs) as seen:
        async with ours.register("message", ONE):
            await seen.until(last(ONE))
            await end_leases(running)
            await seen.until(last())
            await seen.until(last(ONE))
        await seen.until(last())


async def end_leases(server: Program) -> None:
    async with grpc.aio.insecure_channel(address(server)) as channel:
        stub = pb.LeaseStub(channel)
        for lease in (await stub.LeaseLeases(pb.LeaseLeasesRequest())).leases:
            await stub.LeaseRevoke(pb.LeaseRevokeRequest(ID=lease.ID))


async def test_an_earlier_life_does_not_push_away_a_later_one(running: Program) -> None:
    """A node that was frozen until its lease had ended finds its next life there, and waits until that is gone."""
    again = Node(ONE.id, "b9", "10.0.0.9:7001")
    async with registry(address(running)) as ours, registry(address(running)) as theirs, watching(theirs) as seen:
        await _end_while_another_life_is_there(running, ours, theirs, seen, again)
        shown = [state for state in seen.states if state]
    assert shown == [(ONE,), (again,), (ONE,)]


async def _end_while_another_life_is_there(
    running: Program, ours: EtcdRegistry, theirs: EtcdRegistry, seen: Seen, again: Node
) -> None:
    async with ours.register("message", ONE):
        await seen.until(last(ONE))
        await end_leases(running)
        async with theirs.register("message", again):
            await _until_a_lease_is_given_back(running)
        await seen.until(lambda states: states[-1] == (ONE,) and (again,) in states)


async def _until_a_lease_is_given_back(server: Program) -> None:
    """Until the earlier life has taken a new lease, found the later one, and given the lease back."""
    async with grpc.aio.insecure_channel(address(server)) as channel, asyncio.timeout(WAIT_S):
        stub = pb.LeaseStub(channel)
        first = {lease.ID for lease in (await stub.LeaseLeases(pb.LeaseLeasesRequest())).leases}
        came: set[int] = set()
        while True:
            now = {lease.ID for lease in (await stub.LeaseLeases(pb.LeaseLeasesRequest())).leases}
            came |= now - first
            if came - now:
                return
            await asyncio.sleep(0)


async def test_a_node_may_come_before_etcd(server: Program) -> None:
    """Registering takes a bounded time, the list is empty and not wrong, and all is well when etcd comes."""
    began = time.monotonic()
    async with registry(address(server)) as ours, watching(ours) as seen, ours.register("message", ONE):
        assert time.monotonic() - began < 3
        assert ours.nodes("message") == ()
        assert seen.states == []
        await asyncio.to_thread(server.start)
        await seen.until(last(ONE))
        assert [state for state in seen.states if state] == [(ONE,)]


async def test_another_endpoint_answers_for_one_that_is_away(running: Program) -> None:
    """Of several endpoints any that lives will do, by name as well."""
    dead, named = f"127.0.0.1:{free_port()}", f"localhost:{running.port}"
    async with registry(dead, named) as ours, watching(ours) as seen, ours.register("message", ONE):
        await seen.until(last(ONE))


async def test_what_others_wrote_is_ignored(running: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that no node wrote hides no node, and is named once in the log; a newer version may say more."""
    odd = (b"", b"\xff", b"[" * 4_000, b"7", b'{"boot_id": 1, "address": ""}', b'{"boot_id": "b"}', b"x" * 5_000)
    newer = json.dumps({"boot_id": TWO.boot_id, "address": TWO.address, "zone": "b"}).encode()
    async with aclosing(Etcd([address(running)])) as client, registry(address(running)) as ours:
        lease = await client.grant(60)
        for number, value in enumerate(odd):
            await client.put(f"/parley/nodes/message/odd-{number}", value, lease)
        async with watching(ours) as seen, ours.register("message", ONE):
            await seen.until(last(ONE))
            await client.put(f"/parley/nodes/message/{TWO.id}", newer, lease)
            await seen.until(last(ONE, TWO))
            await client.put(f"/parley/nodes/message/{TWO.id}", b"odd", lease)
            await seen.until(last(ONE))
    assert capsys.readouterr().out.count("etcd_value_ignored") == 1


async def test_who_stops_watching_leaves_the_others(running: Program) -> None:
    """Many watch at once and stop at any time, while nodes come and go; those who stay see the last state."""
    async with registry(address(running)) as ours:
        stopped = [asyncio.create_task(Seen(ours).follow()) for _ in range(50)]
        async with watching(ours) as seen, ours.register("message", ONE):
            await seen.until(last(ONE))
            for task in stopped:
                task.cancel()
            ended = await asyncio.gather(*stopped, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended)
            async with ours.register("message", TWO):
                await seen.until(last(ONE, TWO))


@contextmanager
def message_service(folder: Path, server: Program) -> Iterator[subprocess.Popen[str]]:
    """A whole process whose etcd is this one, and whose Redis never comes."""
    generate_keys(folder / "var" / "keys")
    settings = {
        "PARLEY_NODE": "message-1",
        "PARLEY_BACKENDS_REGISTRY_URL": f"etcd://{address(server)}",
        "PARLEY_BACKENDS_KV_URL": f"redis://:{CANARY}@127.0.0.1:{free_port()}",
    }
    command = [sys.executable, "-m", "svc_message"]
    with subprocess.Popen(command, cwd=folder, env=settings, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_service_starts_before_etcd_and_redis(server: Program, tmp_path: Path) -> None:
    """A whole process is ready without the parts it names, is found in etcd when that comes, and stops well."""
    with message_service(tmp_path, server) as process:
        assert process.stderr is not None
        said = [process.stderr.readline()]
        while '"ready"' not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], "it ended"
        await asyncio.to_thread(server.start)
        async with registry(address(server)) as ours, watching(ours) as seen:
            await seen.until(lambda states: [node.id for node in (states or [()])[-1]] == ["message-1"])
            process.terminate()
            await seen.until(last())
        said.append(process.stderr.read())
        assert process.wait(20) == 0
        assert CANARY not in "".join(said)
