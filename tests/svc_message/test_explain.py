"""How far a message came, as far as anybody knows."""

from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.message_service_pb2 import ExplainDeliveryRequest, ExplainDeliveryResponse
from parley.message.v1.notice_pb2 import GroupChange
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.world import World, eventually, refusal


async def explain(device: Device, chat: str, seq: int, **page: int | str) -> ExplainDeliveryResponse:
    """One page."""
    request = ExplainDeliveryRequest(message=MessageRef(conversation_id=chat, seq=seq), **page)  # type: ignore[arg-type]
    return await device.do(device.world.messages.ExplainDelivery, request)


async def test_each_device_and_each_user_without_one(mesh: World) -> None:
    """Devices that are connected are named with since when, users without any once; read and received follow."""
    ann = await new_device(mesh).connect()
    tablet = await new_device(mesh, ann.user_id).connect()
    bob, away = await new_device(mesh).connect(), new_device(mesh)
    team = await groups.make(mesh, ann, bob, away, member_receipts=True)
    before = mesh.clock.now_ms()
    seq = await ann.post(team)
    answer = await explain(ann, team, seq)
    assert before <= answer.committed_at_ms <= mesh.clock.now_ms()
    own = {one.device_name: one for one in answer.devices if one.user_id == ann.user_id}
    assert set(own) == {ann.device_id, tablet.device_id}
    assert all(one.connected and 0 < one.connected_at_ms <= before for one in own.values())
    [of_bob] = [one for one in answer.devices if one.user_id == bob.user_id]
    assert (of_bob.device_name, of_bob.connected, of_bob.received, of_bob.read) == ("", True, False, False)
    [of_away] = [one for one in answer.devices if one.user_id == away.user_id]
    assert (of_away.connected, of_away.connected_at_ms, of_away.received, of_away.read) == (False, 0, False, False)
    assert not any(
        one.routed_at_ms or one.pushed_at_ms or one.received_at_ms or one.read_at_ms for one in answer.devices
    )
    await bob.mark_read(team, seq)
    [of_bob] = [one for one in (await explain(ann, team, seq)).devices if one.user_id == bob.user_id]
    assert (of_bob.received, of_bob.read) == (True, True)
    await bob.leave(bye=True)

    async def gone() -> bool:
        devices = (await explain(ann, team, seq)).devices
        return not any(one.connected for one in devices if one.user_id == bob.user_id)

    await eventually(gone)


async def test_it_is_told_to_the_sender_in_pages(mesh: World) -> None:
    """Others are refused, hidden reads stay hidden, and every member is on one of the pages."""
    ann, *others = [await new_device(mesh).connect() for _ in range(5)]
    mesh.directory.hides_reads.add(others[0].user_id)
    mesh.directory.hidden.add(others[1].user_id)
    team = await groups.make(mesh, ann, *others, member_receipts=True)
    seq = await ann.post(team)
    await others[0].mark_read(team, seq)
    users, token = list[str](), ""
    while True:
        page = await explain(ann, team, seq, page_size=2, page_token=token)
        users += [one.user_id for one in page.devices]
        assert not [one for one in page.devices if one.user_id == others[0].user_id and one.read]
        unseen = [one for one in page.devices if one.user_id == others[1].user_id]
        assert not any(one.connected or one.connected_at_ms for one in unseen)
        token = page.next_page_token
        if not token:
            break
    assert users == sorted(one.user_id for one in (ann, *others))
    assert (await refusal(explain(others[0], team, seq))).reason == "NOT_ALLOWED"
    assert (await refusal(explain(ann, direct(ann, others[0]), 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(explain(ann, team, seq + 9))).reason == "ENTRY_NOT_FOUND"


async def test_a_group_that_shows_counts_only(mesh: World) -> None:
    """Without receipts of single members it says how many have received it, and of nobody else whether they have."""
    ann = await new_device(mesh).connect()
    bob, eve = await new_device(mesh).connect(), new_device(mesh)
    team = await groups.make(mesh, ann, bob, eve)
    seq = await ann.post(team)
    await bob.mark_read(team, seq)
    answer = await explain(ann, team, seq, page_size=1)
    assert (answer.counts_only, answer.received_count) == (True, 1)
    answer = await explain(ann, team, seq)
    assert {one.user_id for one in answer.devices if one.received or one.read} == {ann.user_id}
    assert {one.user_id for one in answer.devices if one.connected} == {ann.user_id, bob.user_id}
    await groups.change_group(mesh, team, GroupChange(member_receipts=True))
    answer = await explain(ann, team, seq)
    assert (answer.counts_only, answer.received_count) == (False, 1)
    assert {one.user_id for one in answer.devices if one.received and one.read} == {ann.user_id, bob.user_id}
