"""How fast a user may send: the 21st message of a burst waits."""

from dataclasses import replace
from pathlib import Path

from mesh.clock import FakeClock
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live, LiveSettings, SendRate
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application.send_rate import MAX_BUCKETS, SendRates, too_fast
from tests.svc_message.device import direct, new_device, post
from tests.svc_message.world import World, mesh_of_one, refusal


async def test_a_burst_is_let_in_and_the_rest_waits() -> None:
    """20 at once, then as many as the time has brought; other users are not concerned; the error says how long."""
    clock = FakeClock(0)
    rates = SendRates(Live(make_finder), SendRate(20, 10.0), clock)
    assert rates.take("ada", 25)[0] == 20
    taken, wait = rates.take("ada", 1)
    assert (taken, round(wait, 3)) == (0, 0.1)
    assert too_fast(wait).retry_after == wait
    assert rates.take("bob", 20)[0] == 20
    clock.advance(0.5)
    assert rates.take("ada", 20)[0] == 5
    clock.advance(100)
    assert rates.take("ada", 64)[0] == 20, "a bucket holds no more than a burst"


async def test_live_settings_go_before_the_nodes_own() -> None:
    """Without either there is no limit; when the settings say one, it holds at once."""
    live, clock = Live(make_finder), FakeClock(0)
    rates = SendRates(live, None, clock)
    assert rates.take("ada", 1_000) == (1_000, 0.0)
    await live.take(LiveSettings(1, send_rate=SendRate(3, 1.0)))
    assert rates.take("ada", 5)[0] == 3


async def test_so_many_users_are_remembered() -> None:
    """The one who sent longest ago is forgotten first: memory has a bound."""
    rates = SendRates(Live(make_finder), SendRate(1, 0.001), FakeClock(0))
    for number in range(MAX_BUCKETS + 10):
        rates.take(str(number), 1)
    assert len(rates._buckets) == MAX_BUCKETS
    assert rates.take(str(MAX_BUCKETS), 1)[0] == 0


async def test_a_rate_close_to_nothing_breaks_no_link(tmp_path: Path) -> None:
    """The smallest rate that an administrator can set refuses with a typed answer, on the stream and outside of it."""
    async with mesh_of_one(tmp_path, prepare=nearly_closed) as world:
        ann, bob = await new_device(world).connect(), new_device(world)
        sends = [post(direct(ann, bob), f"{number}") for number in range(2)]
        answers = [(result.seq, result.error.reason) for result in await ann.results(*sends)]
        assert answers == [(1, ""), (0, "RATE_LIMITED")]
        refused = await refusal(ann.do(world.messages.Send, SendRequest(send=post(direct(ann, bob), "again"))))
        assert (refused.code.name, refused.reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")


def nearly_closed(made: World) -> None:
    """One message, and the next one after the end of the world."""
    made.message = replace(made.message, sends_burst=1, sends_per_second=5e-324)


def limited(made: World) -> None:
    """Let users send as the default says."""
    made.message = replace(made.message, sends_burst=20)


async def test_the_21st_message_of_a_burst_is_told_when_to_come_again(tmp_path: Path) -> None:
    """M47: 20 of 25 in one frame have their place, the others RATE_LIMITED with a time, and come later in order."""
    async with mesh_of_one(tmp_path, prepare=limited) as world:
        ann, bob = await new_device(world).connect(), new_device(world)
        world.clock.stop()  # or a tenth of a second would bring one more
        sends = [post(direct(ann, bob), f"{number}") for number in range(25)]
        results = await ann.results(*sends)
        assert [result.seq for result in results[:20]] == list(range(1, 21))
        assert {(result.error.reason, result.error.code) for result in results[20:]} == {("RATE_LIMITED", 8)}
        assert all(0 < result.error.retry_after_ms <= 100 for result in results[20:])
        world.clock.advance(1)
        assert await ann.seqs(*sends[20:]) == [21, 22, 23, 24, 25]
