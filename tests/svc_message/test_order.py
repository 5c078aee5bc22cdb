"""C2 and C3: places in a log, repetitions, and the order of what one device pipelines."""

import asyncio

import pytest

from mesh.errors import Code
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application import send
from svc_message.application.conversations import CONTACT_VALID_S
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, reaction
from tests.svc_message.directory import BROKEN
from tests.svc_message.world import World, refusal


async def pair(mesh: World) -> tuple[Device, Device, str]:
    """Two connected devices of two users, and their direct chat."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    return ann, bob, direct(ann, bob)


async def bodies(device: Device, conversation_id: str) -> list[str]:
    """Texts of a log in its order."""
    entries = (await device.history(conversation_id, limit=200)).entries
    return [entry.content.post.body.text.text for entry in entries if entry.content.HasField("post")]


async def test_concurrent_senders_share_one_row_of_seqs(mesh: World) -> None:
    """Seqs are 1, 2, 3 … without a gap, whoever sends at the same time, and all see the same order."""
    ann, bob, chat = await pair(mesh)
    other = await new_device(mesh, ann.user_id).connect()
    sends = [[post(chat, f"{n} {i}") for i in range(20)] for n in range(3)]
    seqs = await asyncio.gather(*(device.seqs(*some) for device, some in zip((ann, bob, other), sends, strict=True)))
    assert sorted(seq for some in seqs for seq in some) == list(range(1, 61))
    assert all(some == sorted(some) for some in seqs)
    assert await bodies(ann, chat) == await bodies(bob, chat)


async def test_a_repetition_gets_the_first_answer(mesh: World) -> None:
    """The same id with the same content returns the first place and time, and says that it is a duplicate."""
    ann, bob, chat = await pair(mesh)
    first, again = post(chat, "hello", 7), post(chat, "hello", 7)
    [one] = await ann.results(first)
    await ann.post(chat, "between")
    [two] = await ann.results(again)
    assert (two.seq, two.sent_at_ms, one.duplicate, two.duplicate) == (1, one.sent_at_ms, False, True)
    unary = await ann.do(mesh.messages.Send, SendRequest(send=again))
    assert (unary.seq, unary.duplicate) == (1, True)
    assert await bodies(bob, chat) == ["hello", "between"]


async def test_a_repetition_in_the_same_frame_is_told(mesh: World) -> None:
    """Two sends with one id in one frame become one entry and two answers, also beside others."""
    ann, _, chat = await pair(mesh)
    await ann.post(chat, "warm")
    await ann.say_and_wait(post(chat, "x", 7), post(chat, "y", 8), post(chat, "x", 7), post(chat, "z", 9))
    answers = sorted(
        (r.client_message_id, r.seq, r.duplicate) for r in ann.received.results if r.client_message_id < 10
    )
    assert [(number, duplicate) for number, _, duplicate in answers] == [(7, False), (7, True), (8, False), (9, False)]
    assert answers[0][1] == answers[1][1] == 2
    assert await bodies(ann, chat) == ["warm", "x", "y", "z"]


async def test_a_repetition_while_the_first_is_on_its_way(mesh: World) -> None:
    """Frames with the same id that follow each other at once become one entry."""
    ann, _, chat = await pair(mesh)
    for _ in range(10):
        await ann.say_only(post(chat, "x", 1_000_007))
    await ann.until(lambda: len(ann.received.results) == 10)
    assert {result.seq for result in ann.received.results} == {1}
    assert sum(not result.duplicate for result in ann.received.results) == 1
    assert await bodies(ann, chat) == ["x"]


async def test_another_content_with_the_same_id_is_a_conflict(mesh: World) -> None:
    """An id names one content for ever; in the same frame as well as later."""
    ann, _, chat = await pair(mesh)
    await ann.say_and_wait(post(chat, "x", 1_000_008), post(chat, "other", 1_000_008))
    assert sorted(r.error.reason for r in ann.received.results) == ["", "MESSAGE_ID_CONFLICT"]
    assert await ann.refused(post(chat, "third", 1_000_008)) == "MESSAGE_ID_CONFLICT"
    assert await bodies(ann, chat) == ["x"]


async def test_an_id_is_of_one_device_and_one_conversation(mesh: World) -> None:
    """Two devices may use the same number, and so may one device in two conversations."""
    ann, bob, chat = await pair(mesh)
    other = await new_device(mesh, ann.user_id).connect()
    assert [await d.seqs(post(chat, "x", 5)) for d in (ann, other, bob)] == [[1], [2], [3]]
    assert await ann.seqs(post(f"{ann.user_id}-{ann.user_id}", "x", 5)) == [1]


async def test_what_another_user_sends_is_never_a_repetition(mesh: World) -> None:
    """Two users of one device do not answer for each other: the second one gets a conflict and no foreign ack."""
    ann, bob, chat = await pair(mesh)
    await ann.seqs(post(chat, "x", 5))
    same = Device(mesh, bob.user_id, ann.device_id, bob.session_id)
    await same.connect()
    assert await same.refused(post(chat, "x", 5)) == "MESSAGE_ID_CONFLICT"


async def test_a_cold_conversation_keeps_the_order(mesh: World) -> None:
    """Frames sent at once to a conversation that is not in memory are appended in their order."""
    ann, _, chat = await pair(mesh)
    mesh.directory.hold.clear()
    for number in range(30):
        await ann.say_only(post(chat, str(number)))
    await mesh.directory.waiting.wait()
    mesh.directory.hold.set()
    await ann.until(lambda: len(ann.received.results) == 30)
    assert [result.seq for result in ann.received.results] == list(range(1, 31))
    assert await bodies(ann, chat) == [str(number) for number in range(30)]


async def test_an_expired_contact_keeps_the_order(mesh: World) -> None:
    """When contact must be confirmed anew, what follows waits its turn, and other conversations do not wait."""
    ann, _, chat = await pair(mesh)
    own = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat), post(own))
    mesh.clock.advance(CONTACT_VALID_S - 1)
    await ann.seqs(post(own))
    team = await groups.make(mesh, ann)
    mesh.clock.advance(2)
    mesh.directory.hold.clear()
    mesh.directory.waiting.clear()
    await ann.say_only(post(chat, "2"), post(chat, "3"))
    await mesh.directory.waiting.wait()
    assert await ann.seqs(post(team)) == [2]
    await ann.say_only(post(chat, "4"))
    mesh.directory.hold.set()
    await ann.until(lambda: len([r for r in ann.received.results if r.conversation_id == chat]) == 4)
    assert await bodies(ann, chat) == ["hello", "2", "3", "4"]


async def test_a_failed_contact_check_fails_what_waits_behind_it(mesh: World) -> None:
    """When nobody can say whether one may write, all that waits is refused: nothing overtakes a message that failed."""
    ann, _, chat = await pair(mesh)
    mesh.directory.hold.clear()
    mesh.directory.failures.append(BROKEN)
    await ann.say_only(*(post(chat, str(number), 1_000_100 + number) for number in range(5)))
    await mesh.directory.waiting.wait()
    await ann.say_only(post(chat, "5", 1_000_105))
    await ann.post(await groups.make(mesh, ann))  # whatever came before it has been taken by now
    mesh.directory.hold.set()
    await ann.until(lambda: len(ann.received.results) == 7)
    failed = [result for result in ann.received.results if result.conversation_id == chat and result.error.code]
    assert [result.client_message_id for result in failed] == [1_000_100 + number for number in range(6)]
    told = {(one.error.code, one.error.reason, one.error.retry_after_ms > 0) for one in failed}
    assert told == {(Code.UNAVAILABLE, "SERVICE_UNAVAILABLE", True)}  # whatever broke, it is worth another attempt
    assert mesh.directory.asked == 1
    again = await ann.seqs(*(post(chat, str(number), 1_000_100 + number) for number in range(6)))
    assert again == [1, 2, 3, 4, 5, 6]


async def test_what_was_written_behind_a_failed_send_does_not_overtake_it(mesh: World) -> None:
    """A device that pipelines hears late that a send must come again: later ones are refused until it has."""
    ann, _, chat = await pair(mesh)
    mesh.directory.failures = [BROKEN]
    first, second = post(chat, "first"), post(chat, "second")
    assert await ann.refused(first) == "SERVICE_UNAVAILABLE"
    assert await ann.refused(second) == "OVERLOADED"
    assert await ann.seqs(first, second) == [1, 2]


async def test_a_lane_that_is_full_refuses_and_keeps_the_order(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a check takes its time only so many sends of a conversation wait; the others come again behind them."""
    monkeypatch.setattr(send, "MAX_IN_LANE", 3)
    ann, _, chat = await pair(mesh)
    mesh.directory.hold.clear()
    sends = [post(chat, str(number)) for number in range(5)]
    await ann.say_only(*sends)
    await ann.until(lambda: len(ann.received.results) == 2)
    assert [result.error.reason for result in ann.received.results] == ["OVERLOADED"] * 2
    mesh.directory.hold.set()
    await ann.until(lambda: len(ann.received.results) == 5)
    assert await ann.seqs(*sends[3:]) == [4, 5]
    assert await bodies(ann, chat) == [str(number) for number in range(5)]


async def test_an_edit_waits_for_nothing_that_was_sent_after_it(mesh: World) -> None:
    """Edits and recalls, which need the store first, keep their place between posts."""
    ann, _, chat = await pair(mesh)
    await ann.post(chat, "one")
    assert await ann.seqs(post(chat), edit(chat, 1), post(chat), edit(chat, 1, "more"), post(chat)) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "verdict,reason",
    [
        (ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER, "RECEIVER_UNAVAILABLE"),
        (ContactVerdict.CONTACT_VERDICT_RECEIVER_DELETED, "RECEIVER_UNAVAILABLE"),
        (ContactVerdict.CONTACT_VERDICT_RECEIVER_SUSPENDED, "RECEIVER_UNAVAILABLE"),
        (ContactVerdict.CONTACT_VERDICT_NOT_ACCEPTED, "RECEIVER_UNAVAILABLE"),
        (ContactVerdict.CONTACT_VERDICT_UNSPECIFIED, "RECEIVER_UNAVAILABLE"),
        (ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_SENDER, "CONTACT_BLOCKED_BY_YOU"),
        (ContactVerdict.CONTACT_VERDICT_RECEIVER_UNKNOWN, "CONVERSATION_NOT_FOUND"),
        (ContactVerdict.CONTACT_VERDICT_SENDER_UNAVAILABLE, "CONVERSATION_NOT_FOUND"),
    ],
)
async def test_who_may_not_write_is_told_in_neutral_words(
    mesh: World, verdict: ContactVerdict.ValueType, reason: str
) -> None:
    """A blocked, deleted or closed receiver is one and the same refusal, and nothing is written."""
    ann, bob, chat = await pair(mesh)
    mesh.directory.verdicts[ann.user_id, bob.user_id] = verdict
    assert await ann.refused(post(chat)) == reason
    assert (await refusal(ann.history(chat))).reason == "CONVERSATION_NOT_FOUND"
    assert await bob.seqs(post(chat)) == [1]


async def test_what_was_accepted_stays_accepted(mesh: World) -> None:
    """A repetition is answered with its place also when the sender may not write any more."""
    ann, bob, chat = await pair(mesh)
    team = await groups.make(mesh, bob, ann)
    accepted = [post(chat, "x"), post(team, "x")]
    assert await ann.seqs(*accepted) == [1, 2]
    mesh.directory.verdicts[ann.user_id, bob.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
    mesh.clock.advance(CONTACT_VALID_S)
    await ann.say_only()
    await groups.kick(mesh, team, ann)
    assert await ann.refused(post(chat, "new")) == "RECEIVER_UNAVAILABLE"
    assert [(r.seq, r.duplicate) for r in await ann.results(*accepted)] == [(1, True), (2, True)]


async def test_targets_beyond_any_log_are_refused(mesh: World) -> None:
    """A target that no log can hold is a typed refusal, and what waits behind it is answered."""
    ann, _, chat = await pair(mesh)
    await ann.post(chat)
    far = 2**64 - 1
    results = await ann.results(
        edit(chat, far), reaction(chat, far), post(chat, reply_to_seq=far), edit(chat, 2**63), post(chat)
    )
    assert [r.error.reason for r in results] == ["ENTRY_NOT_FOUND"] * 4 + [""]


async def test_a_direct_id_names_the_smaller_user_first(mesh: World) -> None:
    """There is one direct chat of two users: its id with the users swapped is no conversation."""
    ann, bob, _ = await pair(mesh)
    swapped = f"{max(ann.user_id, bob.user_id)}-{min(ann.user_id, bob.user_id)}"
    assert await ann.refused(post(swapped)) == "CONVERSATION_NOT_FOUND"
    assert (await refusal(ann.mark_read(swapped, 1))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(ann.history(swapped))).reason == "CONVERSATION_NOT_FOUND"


async def test_a_chat_with_oneself(mesh: World) -> None:
    """Notes to oneself reach one's other devices and are never unread."""
    ann = await new_device(mesh).connect()
    other = await new_device(mesh, ann.user_id).connect()
    own = f"{ann.user_id}-{ann.user_id}"
    await ann.post(own, "note")
    assert (await other.entry(own, 1)).content.post.body.text.text == "note"
    assert await other.unread(own) == (0, 0)
