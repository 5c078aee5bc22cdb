"""What of the personal log is told to who is away: requests, invitations, decisions."""

from typing import Any

from parley.conversation.v1.conversation_pb2 import QuietHours
from parley.conversation.v1.conversation_service_pb2 import SetQuietHoursRequest
from parley.log.v1.log_service_pb2 import Append, AppendRequest
from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import FriendNotice, GroupNotice, ReportNotice, ScheduleNotice, SessionNotice
from tests.svc_message import groups, push_scene
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.operator import letters
from tests.svc_message.push_scene import counted, let_go, mute, outcomes, phone
from tests.svc_message.receiver import Hook
from tests.svc_message.world import World

GROUP = "g" + "1" * 15


mesh = push_scene.mesh
slow = push_scene.slow


async def write(mesh: World, owner: Device, content: Content) -> int:
    """Write into the personal log of a user, as a service does."""
    return (await groups.append(mesh, owner.user_id, content, sender="")).seq


async def write_together(mesh: World, owner: Device, *contents: Content) -> None:
    """Write several, so that none is told before the last one is there, however slow the machine is."""
    numbered = enumerate(contents, start=1)
    appends = [Append(conversation_id=owner.user_id, client_message_id=n, content=one) for n, one in numbered]
    await mesh.as_service(mesh.logs.Append, AppendRequest(appends=appends))


def friend(kind: FriendNotice.Kind.ValueType, other: Device, *, own: bool = False, greeting: str = "") -> Content:
    """Something between the owner of a log and another user."""
    notice = FriendNotice(kind=kind, user_id=other.user_id, request_id="f1", greeting=greeting, own=own)
    return Content(friend=notice)


def group(kind: GroupNotice.Kind.ValueType, actor: str, group_id: str = GROUP) -> Content:
    """Something between the owner of a log and a group."""
    return Content(group_notice=GroupNotice(kind=kind, group_id=group_id, actor_id=actor, group_name="Chess"))


def shown(told: Any, *fields: str) -> tuple[Any, ...]:
    """Some fields of a notification."""
    return tuple(told.get(field, "") for field in fields)


async def test_a_friend_request_is_told_with_its_greeting(mesh: World, carrier: Hook) -> None:
    """All that an app needs to word it and to answer it is in the notification, and the badge is without it."""
    ann, bob = phone(mesh, "Ann"), phone(mesh, "Bob")
    seq = await write(mesh, bob, friend(FriendNotice.KIND_REQUESTED, ann, greeting="It is\nAnn"))
    await carrier.until(lambda: carrier.bodies)
    [told] = carrier.bodies
    assert told.pop("sentAtMs")
    assert told.pop("expiresAtMs")
    assert told == {
        "notificationId": f"n-{bob.device_id}-{bob.user_id}-{seq}",
        "kind": "KIND_FRIEND_REQUEST",
        "userId": bob.user_id,
        "deviceId": bob.device_id,
        "provider": "PUSH_PROVIDER_APNS",
        "token": "token of Bob",
        "appId": "com.example",
        "conversationId": bob.user_id,
        "seq": str(seq),
        "senderId": ann.user_id,
        "senderName": "Ann",
        "text": "It is Ann",
        "collapseKey": f"friend/{ann.user_id}",
        "requestId": "f1",
    }


async def test_each_kind_is_told_by_its_name(mesh: World, carrier: Hook) -> None:
    """Several at once are told each for itself, with the group or the person; what is no news to the user is not."""
    ann, eve, bob = phone(mesh, "Ann"), phone(mesh, "Eve"), phone(mesh, "Bob")
    other = "g" + "2" * 15
    await write_together(
        mesh,
        bob,
        friend(FriendNotice.KIND_ACCEPTED, ann),
        friend(FriendNotice.KIND_ACCEPTED, eve, own=True),
        friend(FriendNotice.KIND_UPDATED, eve, own=True),
        group(GroupNotice.KIND_INVITED, ann.user_id),
        group(GroupNotice.KIND_ADDED, ann.user_id, other),
        group(GroupNotice.KIND_ADDED, "", "g" + "3" * 15),
        group(GroupNotice.KIND_JOIN_REQUESTED, ann.user_id, other),
        group(GroupNotice.KIND_JOIN_REQUESTED, eve.user_id, other),
        group(GroupNotice.KIND_JOIN_REFUSED, ann.user_id, "g" + "4" * 15),
        Content(session=SessionNotice(kind=SessionNotice.KIND_STARTED, device_name="laptop")),
        Content(report=ReportNotice(report_id="r1", outcome=ReportNotice.OUTCOME_UPHELD, answer="thank you")),
        Content(schedule=ScheduleNotice(conversation_id=direct(ann, bob), client_message_id=7, message="blocked")),
    )
    await carrier.until(lambda: len(carrier.bodies) == 8)
    assert {shown(one, "kind", "senderName", "groupId", "text", "requestId") for one in carrier.bodies} == {
        ("KIND_FRIEND_ACCEPTED", "Ann", "", "", "f1"),
        ("KIND_GROUP_INVITATION", "Ann", GROUP, "", ""),
        ("KIND_GROUP_ADDED", "Ann", other, "", ""),
        ("KIND_JOIN_REQUEST", "Ann", other, "", ""),
        ("KIND_JOIN_REQUEST", "Eve", other, "", ""),
        ("KIND_JOIN_REFUSED", "Ann", "g" + "4" * 15, "", ""),
        ("KIND_REPORT_DECIDED", "", "", "thank you", "r1"),
        ("KIND_SCHEDULED_NOT_SENT", "", "", "blocked", ""),
    }
    assert len({one["collapseKey"] for one in carrier.bodies}) == 8
    assert {one["groupName"] for one in carrier.bodies if "groupId" in one} == {"Chess"}
    assert len(carrier.tried) == 8


async def test_what_was_answered_or_taken_back_is_not_told(mesh: World, carrier: Hook) -> None:
    """A request that was answered elsewhere or withdrawn, one of who is blocked now, and an invitation to a group that
    is gone tell nothing; what came beside them does.
    """
    ann, eve, joe, kim = (phone(mesh, name) for name in ("Ann", "Eve", "Joe", "Kim"))
    bob = phone(mesh, "Bob")
    await write_together(
        mesh,
        bob,
        friend(FriendNotice.KIND_REQUESTED, ann),
        friend(FriendNotice.KIND_REQUESTED, eve),
        friend(FriendNotice.KIND_REQUESTED, joe),
        group(GroupNotice.KIND_INVITED, joe.user_id, "g" + "2" * 15),
        group(GroupNotice.KIND_INVITED, ann.user_id),
        friend(FriendNotice.KIND_ACCEPTED, ann, own=True),
        friend(FriendNotice.KIND_WITHDRAWN, eve),
        friend(FriendNotice.KIND_BLOCKED, joe, own=True),
        group(GroupNotice.KIND_DISSOLVED, ann.user_id),
        friend(FriendNotice.KIND_REQUESTED, kim),
    )
    await carrier.until(lambda: carrier.bodies)
    await write(mesh, bob, group(GroupNotice.KIND_INVITED, ann.user_id, "g" + "3" * 15))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [one["kind"] for one in carrier.tried] == ["KIND_FRIEND_REQUEST", "KIND_GROUP_INVITATION"]
    assert carrier.tried[0]["senderName"] == "Kim"


async def test_what_is_answered_while_the_carrier_is_away_is_not_told(mesh: World, carrier: Hook) -> None:
    """A request that could not be carried is looked at again before the next attempt."""
    ann, bob = phone(mesh, "Ann"), phone(mesh, "Bob")
    carrier.refuse = lambda _: 503
    await write(mesh, bob, friend(FriendNotice.KIND_REQUESTED, ann))
    await carrier.until(lambda: carrier.tried)
    await write(mesh, bob, friend(FriendNotice.KIND_REFUSED, ann, own=True))
    await counted(mesh, "read")
    assert carrier.bodies == []


async def test_what_a_device_has_received_is_not_told(slow: World, carrier: Hook) -> None:
    """Who was there for a moment and has it on a device needs no notification."""
    ann, bob = phone(slow, "Ann"), phone(slow, "Bob")
    seq = await write(slow, bob, friend(FriendNotice.KIND_REQUESTED, ann))
    await new_device(slow, bob.user_id).mark_read(bob.user_id, seq)
    await let_go(slow, lambda: outcomes(slow).get("read"))
    assert carrier.tried == []


async def test_mutes_and_quiet_hours_hold_for_notices(mesh: World, carrier: Hook) -> None:
    """A muted group tells its admin of no join request, and quiet hours let the rest through without a sound."""
    ann, bob = phone(mesh, "Ann"), phone(mesh, "Bob")
    loud, muted = await groups.make(mesh, bob, ann), await groups.make(mesh, bob, ann)
    await mute(bob, muted)
    hours = QuietHours(until_ms=mesh.clock.now_ms() + 60_000)
    await bob.do(mesh.conversations.SetQuietHours, SetQuietHoursRequest(quiet_hours=hours))
    await write(mesh, bob, group(GroupNotice.KIND_JOIN_REQUESTED, ann.user_id, muted))
    await counted(mesh, "muted")
    await write(mesh, bob, group(GroupNotice.KIND_JOIN_REQUESTED, ann.user_id, loud))
    await carrier.until(lambda: carrier.bodies)
    assert [shown(one, "groupId", "silent") for one in carrier.tried] == [(loud, True)]


async def test_hidden_content_hides_groups_and_greetings_too(mesh: World, carrier: Hook) -> None:
    """Who hides content is told that there is something, and neither by whom nor about what."""
    ann, bob = phone(mesh, "Ann"), phone(mesh, "Bob", hidden=True)
    await write(mesh, bob, friend(FriendNotice.KIND_REQUESTED, ann, greeting="a secret"))
    await write(mesh, bob, group(GroupNotice.KIND_INVITED, ann.user_id))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    for told in carrier.bodies:
        assert {"text", "senderId", "senderName", "groupId", "groupName", "requestId"} & told.keys() == set()
    assert len({one["collapseKey"] for one in carrier.bodies}) == 2
    assert not any(word in str(carrier.tried) for word in ("secret", "Chess", ann.user_id, GROUP))


async def test_a_refused_notice_is_a_dead_letter_that_can_be_told_again(mesh: World, carrier: Hook) -> None:
    """It names the entry of the personal log, and goes out again from there."""
    ann, bob = phone(mesh, "Ann"), phone(mesh, "Bob")
    carrier.answers = [400]
    seq = await write(mesh, bob, friend(FriendNotice.KIND_REQUESTED, ann, greeting="hello"))
    await counted(mesh, "refused")
    assert f"push/{bob.user_id}/{seq}/{bob.user_id}  HTTP_400" in await letters(mesh, "list")
    await letters(mesh, "again", "push/all")
    await carrier.until(lambda: carrier.bodies)
    assert shown(carrier.bodies[0], "kind", "text") == ("KIND_FRIEND_REQUEST", "hello")
