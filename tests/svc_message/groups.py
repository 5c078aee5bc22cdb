"""Groups as the group service makes them: membership entries appended to their logs."""

import itertools
from collections.abc import Sequence

from parley.log.v1.log_service_pb2 import Append, AppendRequest, AppendResponse
from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import GroupChange, GroupMember, MemberRole, MembershipChange
from tests.svc_message.device import Device
from tests.svc_message.world import World

_numbers = itertools.count(1_000_000)  # far from those that tests choose by themselves

ADMIN = MemberRole.MEMBER_ROLE_ADMIN
MEMBER = MemberRole.MEMBER_ROLE_MEMBER
OWNER = MemberRole.MEMBER_ROLE_OWNER


async def append(
    world: World, conversation_id: str, content: Content, *, number: int | None = None, sender: str = ""
) -> AppendResponse.Place:
    """Append as the group service."""
    one = Append(
        conversation_id=conversation_id,
        sender_id=sender,
        client_message_id=number or next(_numbers),
        content=content,
    )
    return (await world.as_service(world.logs.Append, AppendRequest(appends=[one]))).places[0]


async def make(
    world: World, owner: Device, *others: Device, member_receipts: bool = False, bots: Sequence[Device] = ()
) -> str:
    """Make a group of these; its log begins with the entry that says so, then with `member_receipts` one about that."""
    group_id = world.ids.new("g")
    added = [GroupMember(user_id=owner.user_id, role=OWNER)]
    added += [GroupMember(user_id=other.user_id, role=MEMBER) for other in others]
    added += [GroupMember(user_id=bot.user_id, role=MEMBER, bot=True) for bot in bots]
    change = MembershipChange(cause=MembershipChange.CAUSE_CREATED, added=added)
    await append(world, group_id, Content(membership=change), sender=owner.user_id)
    if member_receipts:
        await change_group(world, group_id, GroupChange(member_receipts=True))
    return group_id


async def add(world: World, group_id: str, *newcomers: Device, history_visible: bool = False, bot: bool = False) -> int:
    """Bring them in; return the seq of the entry."""
    added = [GroupMember(user_id=one.user_id, role=MEMBER, bot=bot) for one in newcomers]
    change = MembershipChange(cause=MembershipChange.CAUSE_INVITED, added=added, history_visible=history_visible)
    return (await append(world, group_id, Content(membership=change))).seq


async def kick(world: World, group_id: str, *gone: Device) -> int:
    """Remove them; return the seq of the entry."""
    removed = [one.user_id for one in gone]
    change = MembershipChange(cause=MembershipChange.CAUSE_KICKED, removed_user_ids=removed)
    return (await append(world, group_id, Content(membership=change))).seq


async def update(
    world: World,
    group_id: str,
    member: Device,
    role: MemberRole.ValueType = MEMBER,
    muted_until_ms: int = 0,
    *,
    bot: bool = False,
) -> int:
    """Give a member a role or a mute; return the seq of the entry."""
    state = GroupMember(user_id=member.user_id, role=role, muted_until_ms=muted_until_ms, bot=bot)
    change = MembershipChange(cause=MembershipChange.CAUSE_UPDATED, updated=[state])
    return (await append(world, group_id, Content(membership=change))).seq


async def change_group(world: World, group_id: str, change: GroupChange) -> int:
    """Change settings of a group; return the seq of the entry."""
    return (await append(world, group_id, Content(group=change))).seq
