"""Who has read what in a group: shown where its admins let it be shown, counted elsewhere."""

from functools import partial
from typing import Final

from parley.group.v1 import group_pb2
from parley_sdk import ReceiptChanged
from tests.journeys.people import Device, People, patiently
from tests.journeys.test_terminal_groups import Sitting

SHOWN: Final = group_pb2.GroupSettings(member_receipts=True)
FIELDS: Final = ("member_receipts",)


def read_by(device: Device, group: str, other: Device) -> list[int]:
    """How far the device was told that the other one has read the group, each time."""
    told = [one for one in device.of(ReceiptChanged) if one.conversation_id == group]
    return [one.read_seq for one in told if one.user_id == other.user_id and one.read_seq]


async def test_a_group_shows_counts_until_its_admins_want_more(people: People) -> None:
    """Marks, lists and explanations name nobody by default, and everybody from the switch on until it is taken back;
    the device that was offline sees the setting and its own position, and is told of the others.
    """
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(bob)
    group = await people.open_group(ann, bob, eve)
    [said] = await ann.say(group, "who reads this")
    await tablet.until_text(group, "who reads this")
    await tablet.client.disconnect()
    await bob.until_text(group, "who reads this")
    await bob.client.conversations.mark_read(group, said.seq)
    page = await ann.client.messages.readers(group, said.seq)
    assert (page.counts_only, list(page.user_ids), page.read_count, page.unread_count) == (True, [], 1, 1)
    explained = await ann.client.messages.explain(group, said.seq)
    assert explained.counts_only
    assert {one.user_id for one in explained.devices if one.received} == {ann.user_id}

    await ann.client.groups.update(group, SHOWN, FIELDS)
    assert list((await ann.client.messages.readers(group, said.seq)).user_ids) == [bob.user_id]
    await tablet.client.connect()
    assert (await tablet.until_kind(group, "group")).content.group.member_receipts
    assert (await patiently(lambda: tablet.client.conversations.get(group))).read_seq == said.seq
    await eve.client.conversations.mark_read(group, said.seq)
    for device in (ann, tablet):
        await device.until(partial(read_by, device, group, eve), "that Eve has read")

    await ann.client.groups.update(group, group_pb2.GroupSettings(), FIELDS)
    [last] = await ann.say(group, "and this")
    await bob.until_text(group, "and this")
    await bob.client.mark_read(group, last.seq)
    await tablet.until(lambda: last.seq in read_by(tablet, group, bob), "what the phone has read")
    assert (await ann.client.messages.readers(group, last.seq)).counts_only
    assert last.seq not in read_by(ann, group, bob) + read_by(eve, group, bob)


async def test_receipts_are_switched_from_the_terminal(people: People) -> None:
    """What is typed changes what is shown of who has read."""
    ann, bob = await people.users("ann", "bob")
    group = await people.open_group(ann, bob)
    [said] = await ann.say(group, "hello")
    await bob.until_text(group, "hello")
    await bob.client.conversations.mark_read(group, said.seq)
    owner = Sitting(ann)
    owner.desk.open_id = group
    assert f"#{said.seq} read by 1, not yet by 0;" in await owner.types(f"/who #{said.seq}")
    await owner.types(f"/delivery #{said.seq}")
    assert "received by 1;" in "".join(owner.paper.lines)
    assert f"#{said.seq} read by: Bob (1 have, 0 have not)" in await owner.types("/receipts on", f"/who #{said.seq}")
    assert f"#{said.seq} read by 1" in await owner.types("/receipts off", f"/who #{said.seq}")
