"""The installation's own program judges posts and edits before they are kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import grpc
import pytest

from mesh.breaker import FAILURES
from mesh.settings import Secret
from parley.hook.v1.policy_service_pb2 import JudgeRequest, JudgeResponse
from parley.message.v1.body_pb2 import Body, Image, Location, MediaRef, Text
from parley.message.v1.entry_pb2 import Content, Edit, Entry, Post
from parley.message.v1.message_service_pb2 import Send, SendRequest
from svc_message.domain.conversation import DeviceId, UserId
from svc_message.infrastructure.outside.policy import CalledPolicy
from svc_message.servicer import contents
from tests.svc_message import groups
from tests.svc_message.device import Device, edit, new_device, post, reaction, recall, send
from tests.svc_message.policy_program import (
    ALLOW,
    DEADLINE_S,
    PATIENT_S,
    POLICY,
    failing,
    judge,
    judged,
    refuse,
    replace,
    texts,
    two,
    written,
)
from tests.svc_message.receiver import SECRET, Service, service
from tests.svc_message.world import World, eventually

ANN, BOB = "u" + "a" * 15, "u" + "b" * 15


@pytest.fixture
async def program() -> AsyncIterator[Service]:
    async with service(POLICY) as made:
        made.answer = judge
        yield made


@pytest.fixture
async def mesh(tmp_path: Path, program: Service) -> AsyncIterator[World]:
    async with judged(tmp_path, program.address) as made:
        yield made


async def test_what_is_refused_is_not_kept(mesh: World, program: Service) -> None:
    """A refused post has no place, its sender reads why, and the posts around it stand in their order."""
    ann, bob, chat = await two(mesh)
    results = await ann.results(post(chat, "one"), post(chat, "a bad word"), post(chat, "three"))
    assert [(one.seq, one.error.reason) for one in results] == [(1, ""), (0, "CONTENT_REFUSED"), (2, "")]
    assert results[1].error.message == "no bad words here"
    assert await texts(bob, chat) == ["one", "three"]
    assert program.tokens == {f"Bearer {SECRET}"}


async def test_the_program_is_told_who_writes_what_and_where(mesh: World, program: Service) -> None:
    """A question names conversation, sender, device and number, and has the whole content."""
    ann, _, chat = await two(mesh)
    given = post(chat, "hello", 77)
    await ann.seqs(given)
    [question] = program.tried
    assert (question.conversation_id, question.sender_id, question.device_id) == (chat, ann.user_id, ann.device_id)
    assert (question.client_message_id, question.content) == (77, given.content)


async def test_a_text_is_replaced_for_everybody(mesh: World) -> None:
    """What the policy puts in its place is what all others get, and the sender's answer says that there is another."""
    ann, bob, chat = await two(mesh)
    laptop = await new_device(mesh, ann.user_id).connect()
    [result] = await ann.results(post(chat, "damn rain"))
    assert (result.seq, result.replaced) == (1, True)
    for device in (bob, laptop):
        assert (await device.entry(chat, 1)).content.post.body.text.text == "**** rain"
    assert await texts(ann, chat) == ["**** rain"]
    [plain] = await ann.results(post(chat, "sun"))
    assert plain.replaced is False


async def test_a_repetition_is_known_although_the_text_was_replaced(mesh: World, program: Service) -> None:
    """The same send again has its first place, whatever the policy says by now; another content is a conflict."""
    ann, _, chat = await two(mesh)
    given = post(chat, "damn rain", 5)
    [seq] = await ann.seqs(given)
    answers: list[Callable[[JudgeRequest], JudgeResponse]] = [
        judge,
        lambda _: replace("another thing"),
        lambda _: ALLOW,
        lambda _: refuse(),
    ]
    for program.answer in answers:
        again = await ann.do(mesh.messages.Send, SendRequest(send=given))
        assert (again.seq, again.duplicate, again.replaced) == (seq, True, True)
    program.answer = judge
    assert await ann.refused(post(chat, "something else", 5)) == "MESSAGE_ID_CONFLICT"
    assert await ann.refused(post(chat, "damn snow", 5)) == "MESSAGE_ID_CONFLICT"
    entry = (await ann.history(chat)).entries[0]
    assert len(entry.written_digest) == len(hashlib.sha256().digest())


async def test_a_repetition_is_known_although_it_would_be_replaced_today(mesh: World, program: Service) -> None:
    """What was kept as it is stays so: the same send again has its place, and nothing is said to be replaced."""
    ann, bob, chat = await two(mesh)
    given = post(chat, "sun", 5)
    [seq] = await ann.seqs(given)
    program.answer = lambda _: replace("rain")
    [again] = await ann.results(given)
    assert (again.seq, again.duplicate, again.replaced) == (seq, True, False)
    assert await texts(bob, chat) == ["sun"]


async def test_an_edit_does_not_get_around_it(mesh: World) -> None:
    """An edit is judged like a post: refused, or kept with another text."""
    ann, bob, chat = await two(mesh)
    [seq] = await ann.seqs(post(chat, "fine"))
    assert await ann.refused(edit(chat, seq, "bad")) == "CONTENT_REFUSED"
    [result] = await ann.results(edit(chat, seq, "damn"))
    assert result.replaced
    assert (await bob.entry(chat, 2)).content.edit.body.text.text == "****"


async def test_a_forwarded_post_does_not_get_around_it(mesh: World) -> None:
    """A post that says that it comes from elsewhere is judged, over the stream and over the unary call."""
    ann, _, chat = await two(mesh)
    forwarded = post(chat, "bad", forwarded_from={"conversation_id": chat, "seq": 1})
    assert await ann.refused(forwarded) == "CONTENT_REFUSED"
    with pytest.raises(Exception, match="CONTENT_REFUSED"):
        await ann.do(mesh.messages.Send, SendRequest(send=post(chat, "bad")))


async def test_captions_and_fallback_texts_are_replaced_too(program: Service) -> None:
    """The caption of a picture and what old clients show are both replaced, and the picture stays."""
    program.answer = lambda _: replace("nicer")
    picture = Image(media=MediaRef(media_id="m" + "1" * 15), caption="damn")
    given = send(f"{ANN}-{BOB}", Content(post=Post(body=Body(image=picture, fallback_text="damn"))))
    async with grpc.aio.insecure_channel(program.address.removeprefix("grpc://")) as channel:
        policy = CalledPolicy(channel, Secret(SECRET), PATIENT_S)
        judgement = await policy.judge(contents.from_device(given, UserId(ANN), DeviceId("d" + "1" * 15)))
    body = Entry.FromString(judgement.draft.content).content.post.body
    assert (body.image.caption, body.fallback_text, body.image.media) == ("nicer", "nicer", picture.media)


async def test_the_fallback_text_stands_for_what_has_no_text(mesh: World, program: Service) -> None:
    """Of a place on the map the fallback text is replaced."""
    ann, bob, chat = await two(mesh)
    program.answer = lambda _: replace("nicer")
    place = Body(location=Location(latitude=1, longitude=2), fallback_text="damn place")
    await ann.seqs(send(chat, Content(post=Post(body=place))))
    body = (await bob.entry(chat, 1)).content.post.body
    assert (body.fallback_text, body.location) == ("nicer", place.location)


async def test_other_kinds_and_services_are_not_asked_about(mesh: World, program: Service) -> None:
    """Recalls, reactions and what services write bring no content of a user: nobody is asked."""
    ann, bob, _ = await two(mesh)
    group = await groups.make(mesh, ann, bob)
    [seq] = await ann.seqs(post(group))
    await bob.seqs(reaction(group, seq))
    await ann.seqs(recall(group, seq))
    assert len(program.tried) == 1


async def test_who_may_not_write_is_refused_without_asking(mesh: World, program: Service) -> None:
    """A stranger to a conversation learns nothing from the policy, and the policy nothing of them."""
    ann, bob, chat = await two(mesh)
    eve = await new_device(mesh).connect()
    assert await eve.refused(post(chat, "bad")) == "CONVERSATION_NOT_FOUND"
    [seq] = await ann.seqs(post(chat, "mine"))
    assert await bob.refused(edit(chat, seq, "bad")) == "NOT_ALLOWED"
    assert [written(question) for question in program.tried] == ["mine"]


async def test_order_holds_although_answers_come_late(mesh: World, program: Service) -> None:
    """Of several posts the first is answered last: they are asked about at once and kept in their order."""
    ann, bob, chat = await two(mesh)
    await ann.post(chat, "first of all")
    gates = [asyncio.Event() for _ in range(4)]

    async def answer(request: JudgeRequest) -> JudgeResponse:
        number = int(written(request))
        if number == 1:
            await asyncio.wait_for(gates[3].wait(), PATIENT_S * 0.8)
        gates[number - 1].set() if number < 4 else gates[3].set()
        return ALLOW

    program.answer = answer
    results = await ann.results(*(post(chat, str(number)) for number in range(1, 5)))
    assert [one.seq for one in results] == [2, 3, 4, 5]
    assert await texts(bob, chat) == ["first of all", "1", "2", "3", "4"]


@pytest.mark.parametrize("kind", ["an error", "too late", "nothing", "an empty text", "a reason that is too long"])
async def test_without_an_answer_it_is_as_the_settings_say(tmp_path: Path, program: Service, kind: str) -> None:
    """Fail-open keeps the post as it is; fail-closed has the device send again, until there is an answer."""
    program.answer = failing(kind)
    deadline_s = DEADLINE_S if kind == "too late" else PATIENT_S
    async with judged(tmp_path / "open", program.address, fail_open=True, deadline_s=deadline_s) as mesh:
        ann, bob, chat = await two(mesh)
        await ann.seqs(post(chat, "damn"))
        assert await texts(bob, chat) == ["damn"]
    async with judged(tmp_path / "closed", program.address, deadline_s=deadline_s) as mesh:
        ann, bob, chat = await two(mesh)
        [result] = await ann.results(post(chat, "damn", 9))
        assert (result.error.reason, result.error.code) == ("SERVICE_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE.value[0])
        assert result.error.retry_after_ms
        program.answer = judge
        await eventually(partial(kept, ann, post(chat, "damn", 9)))
        assert await texts(bob, chat) == ["****"]


async def kept(device: Device, send: Send) -> bool:
    """Whether a send has its place; an answer may be too late again, and then the device is to send again."""
    [result] = await device.results(send)
    return bool(result.seq)


async def test_a_program_that_is_gone_costs_no_time(tmp_path: Path) -> None:
    """After some failures in a row nobody is asked for a while, and after that one question finds out."""
    async with service(POLICY) as program:
        program.answer = failing("an error")
        async with judged(tmp_path, program.address, fail_open=True) as mesh:
            ann, _, chat = await two(mesh)
            mesh.clock.stop()
            for _ in range(FAILURES):
                await ann.seqs(post(chat))
            program.answer = failing("too late")
            await ann.seqs(*(post(chat) for _ in range(20)))
            assert len(program.tried) == FAILURES, "whoever asks waits for half a minute"
            program.answer = judge
            mesh.clock.advance(10)
            assert await ann.refused(post(chat, "bad")) == "CONTENT_REFUSED"


async def test_a_program_that_comes_back_is_found_whatever_waits(mesh: World, program: Service) -> None:
    """Posts that wait in one lane while nobody answers are all kept at the first attempt after the program is back."""
    ann, bob, chat = await two(mesh)
    await ann.post(chat, "before")
    program.answer = failing("an error")
    waiting = [post(chat, f"text {number}") for number in range(FAILURES + 2)]
    for _ in range(3):
        assert {one.error.reason for one in await ann.results(*waiting)} == {"SERVICE_UNAVAILABLE"}
        mesh.clock.advance(3)
    program.answer = judge
    assert [one.seq for one in await ann.results(*waiting)] == list(range(2, FAILURES + 4))
    assert (await texts(bob, chat))[1:] == [f"text {number}" for number in range(FAILURES + 2)]


async def test_what_is_judged_appears_in_no_log(mesh: World) -> None:
    """Neither a refused text nor the secret is logged."""
    ann, _, chat = await two(mesh)
    await ann.refused(post(chat, "a bad secret"))
    await ann.seqs(post(chat, "damn secret"))
    assert "secret" not in mesh.log.getvalue()


async def test_an_edit_of_a_replaced_post_is_told_apart(mesh: World) -> None:
    """Mentions and the target stay when the text is replaced."""
    ann, bob, _ = await two(mesh)
    group = await groups.make(mesh, ann, bob)
    named = Post(body=Body(text=Text(text="damn bob")), mentioned_user_ids=[bob.user_id])
    [seq] = await ann.seqs(send(group, Content(post=named)))
    assert await bob.unread(group) == (1, 1)
    await ann.seqs(send(group, Content(edit=Edit(target_seq=seq, body=Body(text=Text(text="damn rob"))))))
    changed = (await bob.entry(group, 3)).content.edit
    assert (changed.target_seq, changed.body.text.text) == (seq, "**** rob")
