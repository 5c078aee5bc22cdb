"""The scenarios against a real server, each too small to measure anything: they end, and their history is good."""

import pytest

from bench import machine
from bench.progress import Progress
from bench.report import table
from bench.result import Result
from bench.scenario import group, growth, idle, logins, offline, overload, storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CORES = machine.pick_cores()


def is_good(result: Result) -> bool:
    """No message was lost, repeated or reordered, and the table can be written."""
    return not result.faults and not result.oddities and bool(table(result))


async def test_a_group_hears_each_message_once() -> None:
    """All members of a small group get what one of them, and then three of them, write; also on one connection."""
    options = group.Options(
        members=(6,), senders=(1, 3), to_a_connection=(1, 6), seconds=1.0, warm_up_s=0.3, baseline_s=0.5
    )

    result = await group.run(options, CORES, Progress())

    assert is_good(result)
    row = result.row("6 members, 3 writing")
    assert row.value("deliveries/s") == pytest.approx(5 * row.value("messages/s"), rel=0.2)
    assert result.row("6 members, 3 writing, half rate").value("delivery p99 ms") > 0
    assert result.row("6 members sharing 1 connections, 1 writing").value("of raw") > 0


async def test_idle_devices_stay_and_are_counted() -> None:
    """Devices on their own connections and on shared ones are measured next to bare streams."""
    options = idle.Options(devices=(10, 20), to_a_connection=10, seconds=0.3, settle_s=0.1)

    result = await idle.run(options, CORES, Progress())

    assert is_good(result)
    assert [row.name for row in result.rows][3:5] == ["20 on their own connections", "raw, 10 on shared connections"]


async def test_all_devices_come_back() -> None:
    """After a cut every device is told RESUMED."""
    result = await storm.run(storm.Options(devices=20, rounds=1), CORES, Progress())

    assert is_good(result)
    assert result.row("devices").value("failures") == 0
    assert result.row("devices").value("s until all are back") > 0


async def test_a_device_gets_all_that_it_missed() -> None:
    """More than fits into one frame is paged, and each entry is checked."""
    options = offline.Options(senders=10, messages=60, rounds=2)

    result = await offline.run(options, CORES, Progress())

    assert is_good(result)
    assert result.checked == 2 * (10 * 60 + 1)


async def test_more_than_can_be_done_is_offered() -> None:
    """Twice the peak is offered, and all of it is acknowledged, refused or held back."""
    options = overload.Options(users=10, window=2, seconds=1.5, warm_up_s=0.5, baseline_s=0.5)

    result = await overload.run(options, CORES, Progress())

    assert result.faults == ()
    row = result.row("2 x the peak")
    assert row.value("offered/s") > result.row("peak").value("per s")
    assert row.value("goodput of peak") > 0


async def test_growth_is_compared_with_the_first_row() -> None:
    """More conversations and a filled store are rows of their own, each with its cost next to the first."""
    options = growth.Options(
        users=6, conversations=(6, 15), entries=(500, 900), seconds=0.5, warm_up_s=0.2, baseline_s=0.5
    )

    result = await growth.run(options, CORES, Progress())

    assert is_good(result)
    assert [row.name for row in result.rows[1:]] == [
        "6 conversations, 0 entries before",
        "15 conversations, 0 entries before",
        "6 conversations, 500 entries before",
        "6 conversations, 900 entries before",
    ]
    assert result.rows[1].value("cost of the first") == 1.0


async def test_passwords_are_hashed_as_the_server_comes() -> None:
    """Users register, log in and refresh, and a log-in costs what a hash costs, which a refresh does not."""
    result = await logins.run(logins.Options(users=8, refreshes=2), CORES, Progress())

    assert is_good(result)
    assert result.row("log in").value("CPU us") > 5 * result.row("refresh").value("CPU us")
