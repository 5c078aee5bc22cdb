"""A device that does not read."""

import time

from parley.gateway.v1 import frame_pb2
from tests.journeys.people import Device, People, numbered
from tests.journeys.raw import RawDevice, log_in_again, resume, text_send

ROUNDS = 150
LARGE = "x" * 8_000
ENOUGH = 60
"""Large messages: twice what is kept for one device."""

HICCUP_S = 0.5
"""What a machine may have to do besides."""

WAITED_S = 15.0
"""Behind a device that is waited for, a message would wait for the half minute that it has to read."""


async def delays(writer: RawDevice, reader: RawDevice, group: str) -> list[float]:
    """Seconds from a send until it is shown to somebody else, the shortest first."""
    times = []
    for n in range(ROUNDS):
        known = len(reader.entries)
        began = time.perf_counter()
        await writer.send(text_send(group, f"{LARGE} {n}"))
        entry = (await reader.until(lambda known=known: reader.entries[known:]))[0]  # type: ignore[misc]
        times.append(reader.entry_times[entry.conversation_id, entry.seq] - began)
        await reader.write(frame_pb2.ClientFrame(taken=len(reader.entries)))
    return sorted(times)


async def open_group(people: People) -> tuple[Device, Device, Device, str]:
    """Return a writer, a reader and one who sleeps, in one group."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    return ann, bob, eve, await people.open_group(ann, bob, eve)


async def test_a_device_that_never_reads_lags_alone_and_catches_up(people: People) -> None:
    """A device that does not read is told LAGGING, delays nobody, and gets all it missed by Resume on its stream."""
    ann, bob, eve, group = await open_group(people)
    await eve.client.disconnect()
    head = (await ann.history(group))[-1].seq
    ann_login, bob_login, eve_login = [await log_in_again(people.address, one.username) for one in (ann, bob, eve)]
    async with (
        RawDevice.open(people.address, ann_login, positions={group: head}) as writer,
        RawDevice.open(people.address, bob_login, positions={group: head}) as reader,
    ):
        alone = await delays(writer, reader, group)
        async with RawDevice.open(
            people.address, eve_login, positions={group: head + ROUNDS}, window=5, reads=False
        ) as sleeper:
            await ann.say(group, *numbered(LARGE, range(ENOUGH)))
            beside = await delays(writer, reader, group)
            assert beside[ROUNDS // 2] < 5 * alone[ROUNDS // 2] + HICCUP_S
            assert beside[-1] < WAITED_S, "not one of them waits for it"
            await catches_up(sleeper, group, head + ROUNDS)
            log = await ann.history(group)
            assert log[-1] in sleeper.entries


async def catches_up(sleeper: RawDevice, group: str, position: int) -> None:
    """Wake up, and resume in place until all is there."""
    sleeper.begin_to_read()
    await sleeper.until(lambda: sleeper.frame.HasField("lagging"))
    assert sleeper.frame.lagging.dropped > 0
    pushed = [entry for entry in sleeper.entries if entry.conversation_id == group]
    assert len(pushed) <= 5
    wanted = position + ENOUGH + ROUNDS
    while (have := reached(sleeper, group, position)) < wanted:
        sleeper.frame.ClearField("resumed")
        await sleeper.write(frame_pb2.ClientFrame(resume=resume({group: have}), taken=len(sleeper.entries)))
        await sleeper.until(lambda: sleeper.frame.HasField("resumed"))
    assert {entry.seq for entry in sleeper.entries if entry.conversation_id == group} == {
        *range(position + 1, wanted + 1)
    }


def reached(device: RawDevice, group: str, position: int) -> int:
    """Up to where the device has every entry: one that was pushed may stand beyond a gap."""
    seqs = {entry.seq for entry in device.entries if entry.conversation_id == group}
    while position + 1 in seqs:
        position += 1
    return position
