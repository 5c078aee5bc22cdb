import asyncio

from mesh.clock import EARLY_S, GRAIN_S, LONG_S, FakeClock, SystemClock, grain


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Moving the time wakes those whose wait is over, earliest first, and nobody else."""
    clock, woken = FakeClock(), list[int]()

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2, 9)]
    await asyncio.sleep(0)
    clock.advance(5)
    await asyncio.gather(*tasks[:3])
    assert woken == [1, 2, 3]
    assert not tasks[3].done()
    tasks[3].cancel()


def test_a_fake_clock_moves_only_by_hand() -> None:
    """Wall time and monotonic time go together, by exactly what was asked."""
    clock = FakeClock(1_000)
    clock.advance(1.5)
    assert (clock.now_ms(), clock.monotonic()) == (2_500, 1.5)


async def test_a_cancelled_sleeper_disturbs_nobody() -> None:
    """Whoever gave up waiting is passed over."""
    clock = FakeClock()
    gone, stays = asyncio.create_task(clock.sleep(1)), asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    gone.cancel()
    clock.advance(1)
    await stays
    assert stays.done()


async def test_the_clock_of_the_machine_goes_forward() -> None:
    """Monotonic time passes while one sleeps, and wall time is in milliseconds since 1970."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() > before
    assert clock.now_ms() > 1_700_000_000_000


async def test_long_waits_end_together() -> None:
    """Those that begin at other times end in one turn of the loop, and hardly before their time."""
    loop, clock = asyncio.get_running_loop(), SystemClock()

    async def sleeper(begins_s: float) -> tuple[float, float]:
        await asyncio.sleep(begins_s)
        began = loop.time()
        await clock.sleep(LONG_S)
        return began, loop.time()

    await asyncio.sleep(grain(loop.time() + GRAIN_S) - loop.time() + 2 * EARLY_S)
    times = await asyncio.gather(*(sleeper(begins_s) for begins_s in (0.0, 0.1, 0.2)))
    assert max(began for began, _ in times) - min(began for began, _ in times) > 0.1
    assert max(ended for _, ended in times) - min(ended for _, ended in times) < 0.05
    assert all(ended - began >= LONG_S - EARLY_S - 0.01 for began, ended in times)


def test_who_comes_again_and_again_keeps_its_pace() -> None:
    """A little late each time, it does not fall behind by more each time."""
    times = [0.0]
    for _ in range(100):
        times.append(grain(times[-1] + 0.01 + LONG_S))
    assert times[-1] == 100 * LONG_S
