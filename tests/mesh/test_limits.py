from __future__ import annotations

import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError, Reason
from mesh.limits import Concurrency, Rate, Shares, TokenBuckets, network


def test_a_bucket_lets_a_burst_through_and_then_says_when() -> None:
    """After the burst, the refusal carries the seconds until there is a token, and then there is one."""
    clock = FakeClock(0)
    buckets = TokenBuckets(Rate(burst=2, per_second=0.5), clock)
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(MeshError) as raised:
        buckets.take("a")
    assert (raised.value.code, raised.value.reason) == (Code.RESOURCE_EXHAUSTED, Reason.RATE_LIMITED)
    assert raised.value.retry_after == pytest.approx(2.0)
    clock.advance(2.0)
    buckets.take("a")


def test_who_was_quiet_for_long_has_one_burst() -> None:
    """A bucket holds no more than its burst, however long nothing was taken from it."""
    clock = FakeClock(0)
    buckets = TokenBuckets(Rate(burst=2, per_second=1), clock)
    for _ in range(2):
        buckets.take("a")
        buckets.take("a")
        with pytest.raises(MeshError):
            buckets.take("a")
        clock.advance(3_600)


def test_callers_do_not_share_a_bucket() -> None:
    """One caller cannot use up the calls of another."""
    buckets = TokenBuckets(Rate(burst=1, per_second=1), FakeClock(0))
    buckets.take("a")
    buckets.take("b")


def test_a_refusal_costs_no_token() -> None:
    """A caller who asks too often is served as soon as its token is there."""
    clock = FakeClock(0)
    buckets = TokenBuckets(Rate(burst=1, per_second=1), clock)
    buckets.take("a")
    for _ in range(10):
        with pytest.raises(MeshError):
            buckets.take("a")
    clock.advance(1.0)
    buckets.take("a")


def test_only_so_many_buckets_are_kept() -> None:
    """A caller with many addresses cannot fill the memory."""
    buckets = TokenBuckets(Rate(burst=1, per_second=1), FakeClock(0), max_buckets=10)
    for number in range(1_000):
        buckets.take(str(number))
    assert len(buckets) == 10


def test_no_rate_means_no_limit() -> None:
    """Zero per second switches the limit off."""
    buckets = TokenBuckets(Rate(burst=0, per_second=0), FakeClock(0))
    for _ in range(100):
        buckets.take("a")


def test_concurrency_counts_those_inside() -> None:
    """Who leaves, by whatever way, makes room."""
    concurrency = Concurrency(1)
    with pytest.raises(ZeroDivisionError), concurrency.enter():
        raise ZeroDivisionError
    with concurrency.enter(), pytest.raises(MeshError), concurrency.enter():
        raise AssertionError
    assert concurrency.inside == 0


def test_shares_count_for_each_owner() -> None:
    """One who has enough inside is told what of, others come in, and who leaves, by whatever way, is forgotten."""
    shares = Shares(1, of="files", reason="BUSY")
    with pytest.raises(ZeroDivisionError), shares.enter("ann"):
        raise ZeroDivisionError
    assert "ann" not in shares
    with shares.enter("ann"), shares.enter("bob"):
        with pytest.raises(MeshError) as raised, shares.enter("ann"):
            raise AssertionError
        assert "ann" in shares
    assert (raised.value.code, raised.value.reason, raised.value.retry_after) == (Code.RESOURCE_EXHAUSTED, "BUSY", 1.0)
    assert raised.value.message == "1 of your files are under way; wait for one of them"


@pytest.mark.parametrize(
    "address, caller",
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:0:1:a:b:c:d", "2001:db8:0:1::/64"),
        ("unix", "unix"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_ipv6_client_counts_as_its_network(address: str, caller: str) -> None:
    """Whoever has 2^64 addresses has one bucket."""
    assert network(address) == caller
