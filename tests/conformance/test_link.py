"""What every link keeps, whether it goes through a socket or not."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh import link
from mesh.errors import Code, MeshError, Reason
from mesh.link import MAX_BATCH_BYTES, MAX_PAYLOAD_BYTES, Dialled, Link, Receive, local_link
from mesh.stream import Stream
from tests.mesh import echo
from tests.mesh.echo import until
from tests.mesh.nodes import mesh_of


@dataclass
class End:
    """One end: the link to send on, and what came. `broken` raises for a batch that holds it."""

    link: Link
    batches: list[bytes] = field(default_factory=list)
    broken: bytes | None = None

    def accept(self, other: Link) -> Receive:
        self.link = other
        return self.receive

    def receive(self, batch: bytes) -> None:
        if self.broken is not None and self.broken in batch:
            raise ValueError("nobody understands this batch")
        self.batches.append(batch)

    async def has(self, size: int) -> bytes:
        """Wait until so many bytes have come."""
        await until(lambda: sum(map(len, self.batches)) >= size)
        return b"".join(self.batches)


class Nowhere:
    """The link of an end that has none yet."""

    def send(self, payload: bytes) -> None:
        raise link.down()


Ends = tuple[End, End]


def fill(one: Link, payload: bytes) -> tuple[int, MeshError]:
    """Send until it is refused, without a turn of the loop; how many were taken, and the refusal."""
    for taken in itertools.count():
        try:
            one.send(payload)
        except MeshError as refusal:
            return taken, refusal
    raise AssertionError


@asynccontextmanager
async def local(_: Path) -> AsyncIterator[Ends]:
    near, far = End(Nowhere()), End(Nowhere())
    near.link = local_link(far.accept, near.receive)
    yield near, far


@asynccontextmanager
async def grpc(folder: Path, address: str = "127.0.0.1:0") -> AsyncIterator[Ends]:
    near, far = End(Nowhere()), End(Nowhere())

    async def linked(stream: Stream) -> None:
        await link.serve(stream, far.accept)

    async with mesh_of(folder) as mesh, AsyncExitStack() as stack:
        node = await mesh.start("one", address)
        node.script.linked = linked
        dialled = Dialled(
            lambda: mesh.channels.dial(node.node.address, echo.path("Link")),
            near.receive,
            lambda: None,
            lambda: None,
            mesh.clock,
        )
        running = asyncio.create_task(dialled.run())
        stack.callback(running.cancel)
        near.link = dialled
        await until(lambda: dialled.up)
        yield near, far


def unix(folder: Path) -> object:
    return grpc(folder, f"unix:{folder / 'socket'}")


@pytest.fixture(params=[pytest.param(local, id="local"), pytest.param(grpc, id="grpc"), pytest.param(unix, id="unix")])
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ends]:
    async with request.param(tmp_path) as pair:
        yield pair


async def test_payloads_arrive_in_order_in_both_directions(ends: Ends) -> None:
    """What is sent on one end comes out of the other, joined but never cut or reordered."""
    near, far = ends
    asked = [b"<%d>" % number for number in range(2_000)]
    answered = [b"(%d)" % number for number in range(2_000)]
    for question, answer in zip(asked, answered, strict=True):
        near.link.send(question)
        far.link.send(answer)
    assert await far.has(len(b"".join(asked))) == b"".join(asked)
    assert await near.has(len(b"".join(answered))) == b"".join(answered)


async def test_what_waits_travels_together(ends: Ends) -> None:
    """All that is sent in one turn of the loop is one batch: that is what makes a link cheap."""
    near, far = ends
    for number in range(1_000):
        near.link.send(b"%03d" % number)
    await far.has(3_000)
    assert len(far.batches) == 1


async def test_one_payload_does_not_wait_for_others(ends: Ends) -> None:
    """There is no timer: a payload alone is sent alone, at once."""
    near, far = ends
    for number in range(20):
        near.link.send(b"%02d" % number)
        await far.has(2 * number + 2)
    assert len(far.batches) == 20


async def test_batches_are_bounded(ends: Ends) -> None:
    """No message is larger than a receiver takes, however much waits; a large payload goes alone."""
    near, far = ends
    sizes = [100_000] * 9 + [MAX_PAYLOAD_BYTES, 1, 2]
    payloads = [bytes([number]) * size for number, size in enumerate(sizes)]
    for payload in payloads:
        near.link.send(payload)
    assert await far.has(sum(sizes)) == b"".join(payloads)
    assert all(len(batch) <= MAX_BATCH_BYTES or len(batch) == MAX_PAYLOAD_BYTES for batch in far.batches)


async def test_a_payload_that_would_break_the_link_is_refused(ends: Ends) -> None:
    """It is an error of the one who sends it, and nobody else's."""
    near, far = ends
    with pytest.raises(MeshError) as raised:
        near.link.send(b"x" * (MAX_PAYLOAD_BYTES + 1))
    assert raised.value.code is Code.INVALID_ARGUMENT
    near.link.send(b"ok")
    assert await far.has(2) == b"ok"


async def test_a_full_queue_refuses_and_empties_again(ends: Ends) -> None:
    """The sender learns at once that too much waits; what was taken arrives, and then there is room."""
    near, far = ends
    taken, refusal = fill(near.link, b"x" * 500_000)
    assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, Reason.OVERLOADED)
    assert refusal.retry_after
    await far.has(taken * 500_000)
    near.link.send(b"y")
    assert (await far.has(taken * 500_000 + 1)).endswith(b"y")


async def test_very_small_payloads_are_bounded_too(ends: Ends) -> None:
    """Millions of tiny payloads are as bad as some large ones."""
    near, _ = ends
    taken, _ = fill(near.link, b"x")
    assert taken < 300_000


async def test_a_reader_that_fails_is_reported_and_the_link_goes_on(ends: Ends) -> None:
    """One batch that nobody understands does not silence those that follow."""
    near, far = ends
    reported = list[dict[str, object]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    far.broken = b"poison"
    near.link.send(b"poison")
    await until(lambda: bool(reported))
    near.link.send(b"fine")
    assert await far.has(4) == b"fine"
    assert isinstance(reported[0]["exception"], ValueError)
