"""The devices of one user: named, listed, and pushed out, with their users told why."""

from parley.message.v1 import notice_pb2
from parley_sdk import SignedOut
from tests.journeys.people import Device, People

Kind = notice_pb2.SessionNotice


def told(device: Device, kind: notice_pb2.SessionNotice.Kind.ValueType) -> list[str]:
    """The names of the devices of which the user's log tells this."""
    notices = (entry.content.session for entry in device.shown[device.user_id])
    return [notice.device_name for notice in notices if notice.kind == kind]


async def test_a_device_is_named_and_listed_for_all_devices(people: People) -> None:
    """The name that one device is given is known to another that was offline, and who is connected is listed first."""
    ann = await people.user("ann")
    tablet = await people.another(ann)
    await tablet.client.disconnect()
    await ann.client.users.rename_device("Ann's phone")
    await tablet.client.connect()
    await tablet.until(lambda: told(tablet, Kind.KIND_RENAMED) == ["Ann's phone"], "the name of the phone")
    await ann.client.users.rename_device("Kitchen", tablet.client.session_id)
    await ann.until(lambda: told(ann, Kind.KIND_RENAMED) == ["Ann's phone", "Kitchen"], "the name of the tablet")
    listed = {one.device.name: one.connected for one in await ann.client.users.sessions()}
    assert listed == {"Ann's phone": True, "Kitchen": True}


async def test_one_device_too_many_ends_the_oldest_and_says_why(people: People) -> None:
    """The sixth device of a platform pushes the first one out, which is told so, also if it was offline then."""
    ann = await people.user("ann")
    others = [await people.another(ann) for _ in range(4)]
    await others[0].client.disconnect()
    newest = [await people.another(ann) for _ in range(2)]
    await ann.until(lambda: bool(ann.of(SignedOut)), "that it was signed out")
    await others[0].client.connect()
    await others[0].until(lambda: bool(others[0].of(SignedOut)), "that it was signed out")
    for device in (ann, others[0]):
        [out] = device.of(SignedOut)
        assert (out.error.reason, out.why) == ("SESSION_REVOKED", "DISPLACED")
        assert "newer log-in" in out.error.message
    await newest[0].until(lambda: len(told(newest[0], Kind.KIND_DISPLACED)) == 2, "who was pushed out")
    assert len(await newest[1].client.users.sessions()) == 5


async def test_a_kicked_device_is_told_that_it_was(people: People) -> None:
    """Ended from another device, and by a new password, are told apart."""
    ann = await people.user("ann")
    tablet, laptop = await people.another(ann), await people.another(ann)
    await ann.client.users.revoke_session(tablet.client.session_id)
    await tablet.until(lambda: [one.why for one in tablet.of(SignedOut)] == ["REVOKED"], "why")
    await ann.client.change_password("correct horse 7", "another horse 8")
    await laptop.until(lambda: [one.why for one in laptop.of(SignedOut)] == ["PASSWORD_CHANGED"], "why")
