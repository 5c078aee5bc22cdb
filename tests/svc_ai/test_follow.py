"""Nothing is missed and nothing is answered twice: lost hints, crashes, several nodes."""

from dataclasses import replace

from parley.event.v1.event_pb2 import Deliveries, NodeEvent
from parley.message.v1.body_pb2 import AssistantReply
from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import MembershipChange
from svc_ai.application.follow import Workload
from svc_ai.domain.reply import Reply
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, World, until

POLLING = replace(FAST, workload=Workload(poll_seconds=0.05))
HINTED = replace(FAST, workload=Workload(poll_seconds=3_600.0))
SLOW = replace(FAST, scripted=replace(FAST.scripted, word_seconds=0.01))


async def test_a_question_without_a_hint_is_found(at_work: World) -> None:
    """The log is the truth: a lost hint costs the time until the next comparison."""
    at_work.logs.hints = False
    async with at_work.process(POLLING):
        await until(lambda: bool(at_work.directory.asked))
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 1)


async def test_a_hint_is_enough(at_work: World) -> None:
    """With hints an answer does not wait for a comparison."""
    async with at_work.process(HINTED):
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 1)
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 2)


async def test_junk_on_the_topic_stops_nothing(at_work: World) -> None:
    """What is no event is passed over."""
    async with at_work.process(HINTED):
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 1)
        for junk in (b"\xff\xff\xff", NodeEvent(for_devices=Deliveries(users=[3])).SerializeToString()):
            await at_work.broker.publish("node-one-boot1", junk)
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 2)


async def test_what_was_asked_meanwhile_is_answered_at_the_start(at_work: World) -> None:
    """A process that comes back goes on where its cursor stands: it reads on, and answers nothing again."""
    async with at_work.process():
        await at_work.logs.say(ANN, "count to 1")
        await until(lambda: "finish" in at_work.logs.kinds())
    asked = [await at_work.logs.say(ANN, "count to 2"), await at_work.logs.say(ANN, "count to 3")]
    async with at_work.process():
        await until(lambda: len(at_work.logs.answers()) == 3)
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers()] == [1, *asked]


async def test_a_crash_before_the_append_is_answered_anew(at_work: World) -> None:
    """The text is lost with the process, the question is not: same reply, same key, one entry."""
    at_work.logs.refuse_appends = True
    async with at_work.process(SLOW):
        await at_work.logs.say(ANN, "count to 10")
        await until(lambda: '"part": "append"' in at_work.log.getvalue())
    assert at_work.logs.answers() == []
    at_work.logs.refuse_appends = False
    shown = len(at_work.logs.events)
    async with at_work.process(SLOW):
        await until(lambda: "finish" in at_work.logs.kinds())
    [answer] = at_work.logs.answers()
    assert {event.reply_id for event in at_work.logs.events} == {answer.reply_id}
    assert at_work.logs.numbers() == [Reply(ASSISTANT, DIRECT, 1, ANN, 0).number]
    before, after = at_work.logs.events[:shown], at_work.logs.events[shown:]
    assert max(event.step for event in before) < min(event.step for event in after)
    assert [event.WhichOneof("event") for event in after[:2]] == ["open", "snapshot"]


async def test_a_crash_after_the_append_is_not_answered_again(at_work: World) -> None:
    """The answer is in the log although nobody was told: the next process finds it there."""
    at_work.logs.lose_answers = True
    async with at_work.process():
        await at_work.logs.say(ANN, "count to 10")
        await until(lambda: '"part": "append"' in at_work.log.getvalue())
    at_work.logs.lose_answers = False
    async with at_work.process():
        last = await at_work.logs.say(ANN, "hello")
        await until(lambda: at_work.logs.answers()[-1].in_reply_to_seq == last)
    assert [answer.in_reply_to_seq for answer in at_work.logs.answers()] == [1, last]
    assert at_work.logs.kinds().count("open") == 2


async def test_a_lost_answer_of_the_log_is_asked_for_again(at_work: World) -> None:
    """Appending is repeated under the same key until the log says where the entry stands."""
    at_work.logs.lose_answers = True
    async with at_work.process():
        await at_work.logs.say(ANN, "hello")
        await until(lambda: '"part": "append"' in at_work.log.getvalue())
        at_work.logs.lose_answers = False
        await until(lambda: "finish" in at_work.logs.kinds())
    assert at_work.logs.events[-1].finish.entry_seq == 2
    assert len(at_work.logs.answers()) == 1


async def test_an_answer_with_other_words_is_not_appended_twice(at_work: World) -> None:
    """A model says it differently the second time: the first answer stands, and the stream ends with its entry."""
    key = Reply(ASSISTANT, DIRECT, 1, ANN, 0)
    async with at_work.process(SLOW):
        await at_work.logs.say(ANN, "count to 30")
        await until(lambda: "delta" in at_work.logs.kinds())
        other = Content()
        other.post.body.assistant_reply.CopyFrom(
            AssistantReply(reply_id=key.id, text="thirty", in_reply_to_seq=1, finish=AssistantReply.FINISH_COMPLETE)
        )
        await at_work.logs.append(DIRECT, ASSISTANT, "ai", key.number, other)
        await until(lambda: "finish" in at_work.logs.kinds())
    assert [answer.text for answer in at_work.logs.answers()] == ["thirty"]
    assert at_work.logs.events[-1].finish.entry_seq == 2


async def test_a_question_that_ends_the_process_again_and_again_is_given_up(at_work: World) -> None:
    """After three beginnings the chat is told of a failure, so that one question cannot stop all others."""
    await at_work.logs.say(ANN, "hang now")
    hanging = replace(FAST, bounds=replace(FAST.bounds, seconds=60, piece_seconds=60))
    for crash in range(1, 4):
        async with at_work.process(hanging):
            await until(lambda crash=crash: at_work.logs.kinds().count("open") == crash)  # type: ignore[misc]
    async with at_work.process(hanging):
        await until(lambda: "failed" in at_work.logs.kinds())
    assert [answer.finish for answer in at_work.logs.answers()] == [AssistantReply.FINISH_FAILED]


async def test_a_long_log_is_read_page_by_page(at_work: World) -> None:
    """A question far behind the cursor is found, whatever a page holds."""
    at_work.logs.page = 7
    for number in range(50):
        await at_work.logs.say(ANN, f"talk {number}", to=GROUP)
    asked = await at_work.logs.say(ANN, "count to 2", ASSISTANT, to=GROUP)
    at_work.logs.page = 130
    async with at_work.process():
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1)
    assert at_work.logs.answers(GROUP)[0].in_reply_to_seq == asked


async def test_one_who_was_removed_does_not_answer(at_work: World) -> None:
    """A question of a group that the assistant is not in any more is passed by."""
    await at_work.logs.say(ANN, "hello", ASSISTANT, to=GROUP)
    removal = MembershipChange(cause=MembershipChange.CAUSE_KICKED, removed_user_ids=[ASSISTANT])
    await at_work.logs.write(ANN, Content(membership=removal), to=GROUP)
    async with at_work.process():
        await until(lambda: at_work.cursor(GROUP) == 2)
    assert at_work.logs.answers(GROUP) == []


async def test_of_several_nodes_one_answers(at_work: World) -> None:
    """Each conversation has one owner among the live nodes; when it goes, another goes on from the log."""
    chats = [f"{ASSISTANT}-u00000000000{number:04}" for number in range(20)]
    async with at_work.process(POLLING, "two"):
        async with at_work.process(POLLING, "one"):
            for chat in chats:
                at_work.logs.members[chat] = set(chat.split("-"))
                await at_work.logs.say(chat[17:], "hello", to=chat)
            await until(lambda: all(len(at_work.logs.answers(chat)) == 1 for chat in chats))
        for chat in chats:
            await at_work.logs.say(chat[17:], "hello", to=chat)
        await until(lambda: all(len(at_work.logs.answers(chat)) == 2 for chat in chats))
    assert all(len(at_work.logs.answers(chat)) == 2 for chat in chats)


async def test_a_planned_stop_lets_answers_end(at_work: World) -> None:
    """Draining begins nothing new and leaves what is being written its time."""
    async with at_work.process(SLOW) as node:
        await at_work.logs.say(ANN, "count to 30")
        await until(lambda: "delta" in at_work.logs.kinds())
        await node.service.drain()
        assert len(at_work.logs.answers()) == 1
        assert at_work.logs.kinds()[-1] == "finish"
        assert await at_work.logs.routes.lookup([ASSISTANT]) == {}


async def test_who_asks_a_lot_keeps_nobody_else_waiting(at_work: World) -> None:
    """Long answers for one user in many conversations leave room for others, who are answered before these end."""
    groups = [f"g{number:015}" for number in range(1, 7)]
    at_work.logs.members |= {group: {ASSISTANT, ANN} for group in groups}
    slow = replace(FAST.scripted, word_seconds=0.02)
    async with at_work.process(replace(FAST, scripted=slow, workload=Workload(answers=5, poll_seconds=30.0))):
        for group in groups:
            await at_work.logs.say(ANN, "count to 40", ASSISTANT, to=group)
        await until(lambda: at_work.logs.kinds().count("open") >= 4)
        await at_work.logs.say(BOB, "count to 1", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1)
        assert not any(at_work.logs.answers(group) for group in groups)
        await until(lambda: all(at_work.logs.answers(group) for group in groups))
