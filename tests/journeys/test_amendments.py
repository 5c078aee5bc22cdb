"""Messages that are changed or taken back."""

import pytest

from parley.group.v1 import group_pb2
from parley_sdk import ParleyError
from tests.journeys.people import Device, People


async def until_target(device: Device, chat: str, kind: str, seq: int) -> None:
    """Wait until the device shows a change of this kind to this message."""

    def told() -> bool:
        contents = (entry.content for entry in device.shown[chat])
        return any(getattr(content, kind).target_seq == seq for content in contents if content.HasField(kind))  # type: ignore[arg-type]

    await device.until(told, f"{kind} of {seq}")


async def test_edits_and_recalls_reach_devices_online_and_offline(people: People) -> None:
    """An edit or recall is shown by those online and by those who come later, and the log has no recalled words."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    chat = ann.chat_with(bob)
    [start] = await ann.say(chat, "start")
    await tablet.until_seq(chat, start.seq)
    await tablet.client.disconnect()
    edited, recalled = await ann.say(chat, "helo", "my secret")
    await bob.until_text(chat, "my secret")
    await ann.client.edit(chat, edited.seq, "hello")
    await ann.client.recall(chat, recalled.seq)
    for device in (ann, bob):
        await until_target(device, chat, "edit", edited.seq)
        await until_target(device, chat, "recall", recalled.seq)
    await tablet.client.connect()
    await until_target(tablet, chat, "edit", edited.seq)
    await until_target(tablet, chat, "recall", recalled.seq)
    assert "my secret" not in str(tablet.shown[chat])
    history = {entry.seq: entry.content for entry in await bob.history(chat)}
    assert history[recalled.seq].tombstone.recalled_by == ann.user_id
    assert "my secret" not in str(history)
    page = await bob.client.messages.stretch(chat, from_seq=edited.seq, to_seq=recalled.seq)
    assert {entry.content.WhichOneof("kind") for entry in page.amendments} == {"edit", "recall"}
    assert [device.seqs(chat) for device in (ann, bob, tablet)] == [[1, 2, 3, 4, 5]] * 3


async def test_only_the_sender_edits_and_only_once_recalled(people: People) -> None:
    """Nobody edits or recalls what another wrote in a direct chat, and a recalled message cannot be edited."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    [sent] = await ann.say(chat, "mine")
    for attempt in (bob.client.edit(chat, sent.seq, "yours"), bob.client.recall(chat, sent.seq)):
        with pytest.raises(ParleyError) as refused:
            await attempt
        assert refused.value.reason == "NOT_ALLOWED"
    await ann.client.recall(chat, sent.seq)
    with pytest.raises(ParleyError) as refused:
        await ann.client.edit(chat, sent.seq, "again")
    assert refused.value.reason == "ALREADY_RECALLED"


async def test_an_admin_recalls_what_a_member_wrote(people: People) -> None:
    """Owner and admins take back what members wrote; members cannot take back what others wrote."""
    owner, admin, member = await people.users("owner", "admin", "member")
    group = await people.open_group(owner, admin, member)
    await owner.client.groups.set_role(group, admin.user_id, group_pb2.ROLE_ADMIN)
    [rude] = await member.say(group, "rude words")
    [kept] = await owner.say(group, "the word of the owner")
    for device in (member, admin):
        with pytest.raises(ParleyError) as refused:
            await device.client.recall(group, kept.seq)
        assert refused.value.reason == "NOT_ALLOWED"
    await admin.client.recall(group, rude.seq)
    for device in (owner, admin, member):
        await until_target(device, group, "recall", rude.seq)
        found = {entry.seq: entry.content for entry in await device.history(group)}
        assert found[rude.seq].tombstone.recalled_by == admin.user_id
