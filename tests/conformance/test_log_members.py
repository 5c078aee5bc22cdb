"""What every store of the message service keeps of members: places, rights, positions, and what is unread."""

import asyncio
from dataclasses import replace
from typing import Any

from svc_message.domain.conversation import ADDRESSED_ONLY, ConversationId, GroupRights, Membership, Role, Seq
from svc_message.domain.entry import EntryKind, GroupDelta, MembershipDelta
from svc_message.domain.ports import Mark, Standing, Unread, UnreadAsk
from tests.conformance import log_nodes
from tests.conformance.log_nodes import ANN, BOB, CHAT, EVE, LAPTOP, OWN, TEAM, Nodes, joining, row

nodes = log_nodes.nodes


async def test_standings(nodes: Nodes) -> None:
    """A user's places come with the heads of their logs, and in direct chats with what the peer has read."""
    log, members = nodes.ours.log, nodes.ours.members
    await log.append([row(CHAT, 1), row(CHAT, 2), row(OWN, 1), row(TEAM, 1, members=joining(1, ANN, BOB))])
    await members.advance([Mark(CHAT, BOB, read_seq=Seq(2)), Mark(CHAT, ANN, read_seq=Seq(1)), Mark(TEAM, BOB, Seq(1))])
    await log.append([row(TEAM, 2, members=MembershipDelta(removed=(ANN,))), row(TEAM, 3)])
    found = await nodes.theirs.members.standings(ANN)
    assert {one.conversation_id: one for one in found} == {
        CHAT: Standing(CHAT, *map(Seq, (2, 0, 1, 0, 1, 2))),
        OWN: Standing(OWN, *map(Seq, (1, 0, 1, 0, 0, 0))),
        TEAM: Standing(TEAM, *map(Seq, (3, 1, 1, 2, 0, 0))),
    }
    assert await nodes.theirs.members.standings(EVE) == []


async def test_members_of_direct_chats_and_personal_logs(nodes: Nodes) -> None:
    """They exist from the first row on, see everything, and know their peers."""
    personal = ConversationId(ANN)
    await nodes.ours.log.append([row(CHAT, 1), row(OWN, 1), row(personal, 1)])
    assert set(await nodes.ours.members.of_user(ANN)) == {CHAT, OWN, personal}
    assert set(await nodes.ours.members.of_user(BOB)) == {CHAT}
    assert await nodes.ours.members.of_user(EVE) == {}
    place = await nodes.theirs.members.one(CHAT, BOB)
    assert place == Membership(BOB, Seq(0), Seq(1))
    assert {id_: peer.user_id for id_, peer in (await nodes.ours.members.peers(ANN)).items()} == {CHAT: BOB}
    assert await nodes.ours.members.one(CHAT, EVE) is None
    assert await nodes.ours.members.one(TEAM, ANN) is None


async def test_members_come_change_go_and_come_back(nodes: Nodes) -> None:
    """The members are those that the membership entries say; positions outlive a leave, and a return is a new start."""
    log, members = nodes.ours.log, nodes.ours.members
    await log.append([row(TEAM, 1, members=joining(1, ANN, BOB))])
    await members.advance([Mark(TEAM, BOB, read_seq=Seq(1))])
    muted = Membership(BOB, Seq(0), Seq(0), role=Role.ADMIN, muted_until_ms=99)
    await log.append([row(TEAM, 2, members=MembershipDelta(updated=(muted,)))])
    place = await members.one(TEAM, BOB)
    assert place == Membership(BOB, Seq(1), Seq(1), Seq(0), Role.ADMIN, 99, Seq(1), Seq(1))
    await log.append([row(TEAM, 3, members=MembershipDelta(removed=(BOB,)))])
    assert [m.user_id for m in await nodes.theirs.members.of_conversation(TEAM)] == [ANN]
    assert (await members.of_user(BOB))[TEAM].left_seq == 3
    await log.append([row(TEAM, 4, members=MembershipDelta(removed=(BOB,)))])
    assert (await members.of_user(BOB))[TEAM].left_seq == 3
    await log.append([row(TEAM, 5, members=joining(5, BOB))])
    assert await members.one(TEAM, BOB) == Membership(BOB, Seq(5), Seq(5), Seq(0), Role.MEMBER, 0, Seq(1), Seq(1))
    assert await members.peers(ANN) == {}


async def test_what_a_bot_is_shown_follows_its_role(nodes: Nodes) -> None:
    """A bot is shown what is addressed to it, as an admin all from that entry on, and a return is a new start."""

    async def told() -> list[int]:
        place, everyone = await nodes.theirs.members.one(TEAM, BOB), await nodes.theirs.members.of_conversation(TEAM)
        [standing] = await nodes.theirs.members.standings(BOB)
        assert place is not None
        by_user = (await nodes.theirs.members.of_user(BOB))[TEAM]
        listed = [one.addressed_before for one in everyone if one.user_id == BOB]
        return [place.addressed_before, by_user.addressed_before, standing.addressed_before, *listed]

    def joined(seq: int) -> MembershipDelta:
        [added] = joining(seq, BOB).added
        return MembershipDelta(added=(replace(added, addressed_before=ADDRESSED_ONLY),))

    def updated(role: Role, bot: int = ADDRESSED_ONLY) -> MembershipDelta:
        return MembershipDelta(updated=(Membership(BOB, Seq(0), Seq(0), role=role, addressed_before=Seq(bot)),))

    await nodes.ours.log.append([row(TEAM, 1, members=joining(1, ANN))])
    steps = [
        (joined(2), ADDRESSED_ONLY),
        (updated(Role.ADMIN), 3),
        (updated(Role.OWNER), 3),
        (updated(Role.ADMIN, 0), 3),
        (updated(Role.MEMBER), ADDRESSED_ONLY),
        (updated(Role.ADMIN), 7),
        (MembershipDelta(removed=(BOB,)), 7),
        (joined(9), ADDRESSED_ONLY),
    ]
    for seq, (delta, expected) in enumerate(steps, 2):
        await nodes.ours.log.append([row(TEAM, seq, members=delta)])
        assert set(await told()) == {expected}, seq
    ann = await nodes.ours.members.one(TEAM, ANN)
    assert ann is not None
    assert ann.addressed_before == 0


async def test_a_member_who_proves_to_be_a_bot(nodes: Nodes) -> None:
    """A member of old of whom an entry says only now that it is a bot is shown from then on what a bot is."""
    await nodes.ours.log.append([row(TEAM, 1, members=joining(1, ANN, BOB))])
    for seq, (user, role) in enumerate([(ANN, Role.ADMIN), (BOB, Role.MEMBER)], 2):
        bot = Membership(user, Seq(0), Seq(0), role=role, addressed_before=ADDRESSED_ONLY)
        await nodes.ours.log.append([row(TEAM, seq, members=MembershipDelta(updated=(bot,)))])
    found = {one.user_id: one.addressed_before for one in await nodes.theirs.members.of_conversation(TEAM)}
    assert found == {ANN: 2, BOB: ADDRESSED_ONLY}


async def test_rights_of_a_group(nodes: Nodes) -> None:
    """Each right keeps its value until an entry changes it."""
    steps: list[tuple[GroupDelta, tuple[Any, ...]]] = [
        (GroupDelta(muted_all=True), (True, False, False, 0, False)),
        (GroupDelta(mention_all_open=True), (True, True, False, 0, False)),
        (GroupDelta(slow_mode_seconds=30, pin_open=True), (True, True, True, 30, False)),
        (GroupDelta(muted_all=False, member_receipts=True), (False, True, True, 30, True)),
        (GroupDelta(slow_mode_seconds=0), (False, True, True, 0, True)),
        (GroupDelta(pin_open=False), (False, True, False, 0, True)),
        (GroupDelta(), (False, True, False, 0, True)),
        (GroupDelta(member_receipts=False), (False, True, False, 0, False)),
        (GroupDelta(suspended=True), (False, True, False, 0, False, True)),
        (GroupDelta(muted_all=True), (True, True, False, 0, False, True)),
        (GroupDelta(suspended=False), (True, True, False, 0, False, False)),
    ]
    for seq, (delta, rights) in enumerate(steps, 1):
        await nodes.ours.log.append([row(TEAM, seq, group=delta)])
        assert await nodes.theirs.members.group_rights(TEAM) == GroupRights(*rights)
    assert await nodes.ours.members.group_rights(ConversationId("g" + "0" * 15)) == GroupRights()


async def test_positions_only_rise(nodes: Nodes) -> None:
    """A lower mark changes nothing, reading counts as receiving, and strangers have no position."""
    await nodes.ours.log.append([row(CHAT, seq) for seq in range(1, 10)])
    marks = [
        Mark(CHAT, BOB, received_seq=Seq(4)),
        Mark(CHAT, BOB, read_seq=Seq(6)),
        Mark(CHAT, BOB, read_seq=Seq(2), received_seq=Seq(5)),
        Mark(CHAT, EVE, read_seq=Seq(2)),
        Mark(CHAT, ANN, read_seq=Seq(1)),
    ]
    answers = await nodes.ours.members.advance(marks)
    assert [(mark.read_seq, mark.received_seq, rose) for mark, rose in answers[:3]] == [
        (0, 4, True),
        (6, 6, True),
        (6, 6, False),
    ]
    assert [rose for _, rose in answers[3:]] == [False, True]
    assert await nodes.ours.members.one(CHAT, EVE) is None
    await asyncio.gather(
        *(
            node.members.advance([Mark(CHAT, BOB, read_seq=Seq(seq))])
            for seq in (9, 7)
            for node in (nodes.ours, nodes.theirs)
        )
    )
    place = await nodes.theirs.members.one(CHAT, BOB)
    assert place is not None
    assert place.read_seq == 9


async def test_unread_is_counted_from_the_log(nodes: Nodes) -> None:
    """Posts of others within the stretch count, and of them those that address the user, by name or all at once."""
    await nodes.ours.log.append(
        [
            row(TEAM, 1, members=joining(1, ANN, BOB, EVE), kind=EntryKind.MEMBERSHIP),
            row(TEAM, 2, mentions=(BOB,)),
            row(TEAM, 3, mentions=(BOB, EVE), mentions_all=True),
            row(TEAM, 4, kind=EntryKind.EDIT, target=2),
            row(TEAM, 5, sender=BOB, device=LAPTOP, mentions_all=True),
            row(TEAM, 6),
        ]
    )
    asks = [
        UnreadAsk(TEAM, 0, 6),
        UnreadAsk(TEAM, 2, 6),
        UnreadAsk(TEAM, 0, 2),
        UnreadAsk(TEAM, 6, 6),
        UnreadAsk(CHAT, 0, 9),
    ]
    counted = await nodes.ours.members.unread(BOB, asks, 1_000)
    assert counted == [Unread(3, 2), Unread(2, 1), Unread(1, 1), Unread(0, 0), Unread(0, 0)]
    assert await nodes.ours.members.unread(EVE, asks[:1], 1_000) == [Unread(4, 2)]
    assert await nodes.ours.members.unread(BOB, asks[:1], 2) == [Unread(2, 2)]
