"""Posts that services append, such as answers of assistants: their authors write as members do."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from parley.log.v1.log_service_pb2 import MarkReadForRequest, PlaceForRequest
from parley.message.v1.body_pb2 import AssistantReply, Body
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.notice_pb2 import GroupChange
from tests.svc_message import groups
from tests.svc_message.device import Device, new_device
from tests.svc_message.world import World, refusal

ANSWER: Final = Content(post=Post(body=Body(assistant_reply=AssistantReply(text="42"), fallback_text="42")))
FAR: Final = 2**62

Act = Callable[[World, str, Device], Awaitable[int]]

ACTS: Final[dict[str, tuple[str, Act]]] = {
    "removed": ("CONVERSATION_NOT_FOUND", groups.kick),
    "muted": ("MUTED", lambda world, team, who: groups.update(world, team, who, muted_until_ms=FAR)),
    "all muted": ("MUTED", lambda world, team, _: groups.change_group(world, team, GroupChange(muted_all=True))),
    "suspended": (
        "GROUP_SUSPENDED",
        lambda world, team, _: groups.change_group(world, team, GroupChange(suspended=True)),
    ),
}


async def silenced(mesh: World, team: str, who: Device) -> bool:
    """Whether the message service says that this member may not write."""
    request = PlaceForRequest(user_id=who.user_id, conversation_id=team)
    return bool((await mesh.as_service(mesh.logs.PlaceFor, request)).silenced)


@pytest.mark.parametrize("act", ACTS)
async def test_a_post_of_a_service_is_refused_where_its_author_may_not_write(mesh: World, act: str) -> None:
    """What a member may not write, nobody writes for them; what was accepted once is answered as it was, and
    the entries of services themselves go on.
    """
    owner, helper = await new_device(mesh).connect(), new_device(mesh)
    team = await groups.make(mesh, owner, helper)
    first = await groups.append(mesh, team, ANSWER, number=7, sender=helper.user_id)
    assert not await silenced(mesh, team, helper)
    reason, do = ACTS[act]
    done = await do(mesh, team, helper)
    assert (await refusal(groups.append(mesh, team, ANSWER, sender=helper.user_id))).reason == reason
    assert await silenced(mesh, team, helper)
    again = await groups.append(mesh, team, ANSWER, number=7, sender=helper.user_id)
    assert (again.seq, again.duplicate) == (first.seq, True)
    assert await groups.change_group(mesh, team, GroupChange(name="new")) == done + 1


async def test_a_service_marks_what_one_of_its_users_has_read(mesh: World) -> None:
    """The other one is told as if a device had said so; beyond the newest it is refused."""
    ann, helper = await new_device(mesh).connect(), new_device(mesh)
    team = await groups.make(mesh, ann, helper, member_receipts=True)
    seq = await ann.post(team, "hello")
    request = MarkReadForRequest(user_id=helper.user_id, conversation_id=team, seq=seq)
    await mesh.as_service(mesh.logs.MarkReadFor, request)
    await ann.until(lambda: any(one.read_seq == seq == one.received_seq for one in ann.received.receipts))
    request.seq = seq + 1
    assert (await refusal(mesh.as_service(mesh.logs.MarkReadFor, request))).reason == "RANGE_INVALID"
