"""The installation writes to everybody."""

from parley.admin.v1.message_admin_service_pb2 import BROADCAST_STATE_DONE
from parley_sdk import direct_id
from tests.journeys.people import Device, People
from tests.journeys.test_words import eventually


async def test_everybody_reads_a_broadcast_once_also_who_was_offline(people: People, operator: Device) -> None:
    """It comes as an unread post of the system account; a repeated request writes nothing twice; it ends as done."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    moderation = operator.client.administration.moderation
    text = f"we move house tonight, {ann.username}"
    begun = await moderation.broadcast(text, "maintenance")
    system = (await ann.until(lambda: _writer(ann, text), "the announcement"))[0]
    assert (await ann.client.users.get(system)).username == "parley"
    await bob.until_text(direct_id(bob.user_id, system), text)
    await tablet.client.connect()
    await tablet.until_text(direct_id(bob.user_id, system), text)

    async def done() -> bool:
        [found] = [one for one in await moderation.broadcasts() if one.broadcast_id == begun.broadcast_id]
        return found.state == BROADCAST_STATE_DONE and found.written >= 3

    await eventually(done, "it ended")
    for device in (ann, bob, tablet):
        assert device.texts(direct_id(device.user_id, system)).count(text) == 1
    unread = {one.conversation_id: one.unread_count for one in await ann.client.conversations.list()}
    assert unread[direct_id(ann.user_id, system)] == 1
    assert (await moderation.cancel_broadcast(begun.broadcast_id, "late")).state == BROADCAST_STATE_DONE


def _writer(device: Device, text: str) -> list[str]:
    """Who wrote this."""
    shown = [entry for entries in device.shown.values() for entry in entries]
    return [entry.sender_id for entry in shown if entry.content.post.body.text.text == text]
