"""What the model does on request: summaries, translations, suggestions."""

import pytest

from mesh.errors import Code, MeshError
from parley.ai.v1 import ai_pb2
from parley.ai.v1.assistant_service_pb2 import SuggestRepliesResponse, SummariseRequest, TranslateRequest
from parley.message.v1.body_pb2 import Body, Image, MediaRef, Text
from parley.message.v1.entry_pb2 import Content, Edit, Post
from tests.svc_ai.neighbours import ANN, BOB, GROUP
from tests.svc_ai.requesting import OTHER, suggest, summarise, talk, translate
from tests.svc_ai.world import World


async def test_a_summary_names_people_and_rests_on_entries(at_work: World) -> None:
    """It tells who said what, by the names that chats show, and where it stands; in detail it has headings."""
    await talk(at_work)
    async with at_work.process() as node:
        made = await summarise(node, from_seq=2, to_seq=3)
        assert made.text == "2 messages. Bob: “at six”. Ann: “secret”."
        assert (list(made.source_seqs), made.truncated) == ([2, 3], False)
        assert made.usage.input_tokens > 0
        detailed = await summarise(node, request_id="r2", length=SummariseRequest.LENGTH_DETAILED, locale="de-CH")
        assert detailed.text.startswith("[de-CH] 4 messages.\nSaid:\n")
        assert "Open questions:\n- Ann: “tea at five?”." in detailed.text
        at_work.directory.locales[BOB] = "nl"
        assert (await summarise(node, BOB)).text.startswith("[nl] 4 messages.")


async def test_a_summary_is_of_what_the_caller_can_read(at_work: World) -> None:
    """Hidden, recalled, edited, before one's coming, after one's going: the model sees what the caller sees."""
    await talk(at_work)
    await at_work.logs.write(BOB, Content(edit=Edit(target_seq=2, body=Body(text=Text(text="at nine")))), to=GROUP)
    at_work.logs.hidden.add((ANN, GROUP, 3))
    at_work.logs.recall(4, GROUP)
    async with at_work.process() as node:
        anns = await summarise(node)
        assert anns.text == "2 messages. Ann: “tea at five?”. Bob: “at nine”."
        assert list(anns.source_seqs) == [1, 2]
        # The edit stands outside the range: what is summed up is what the chat shows now.
        assert "at nine" in (await summarise(node, request_id="r2", to_seq=2)).text
        at_work.logs.came[GROUP, BOB] = 2
        at_work.logs.left[GROUP, BOB] = 3
        assert (await summarise(node, BOB)).text == "2 messages. Bob: “at six”. Ann: “secret”."


async def test_a_repeated_summary_is_the_first_one(at_work: World) -> None:
    """The same request gives the same answer, after a crash too, but to nobody who cannot read it any more."""
    await talk(at_work)
    async with at_work.process() as node:
        first = await summarise(node)
    await at_work.logs.say(BOB, "something else", to=GROUP)
    async with at_work.process() as node:
        assert await summarise(node) == first
        assert (await summarise(node, BOB)).text != first.text
        with pytest.raises(MeshError) as reused:
            await summarise(node, to_seq=3)
        assert (reused.value.code, reused.value.reason) == (Code.ALREADY_EXISTS, "REQUEST_ID_REUSED")
        at_work.logs.members[GROUP].remove(ANN)
        with pytest.raises(MeshError) as gone:
            await summarise(node)
        assert gone.value.reason == "CONVERSATION_NOT_FOUND"


async def test_of_a_long_range_the_newer_part_is_read(at_work: World) -> None:
    """What does not fit is left out from the old end, and the summary says so; the answer is bounded."""
    for number in range(30):
        await at_work.logs.say(BOB, f"{number} " + "long " * 400, to=GROUP)
    async with at_work.process() as node:
        made = await summarise(node)
    assert made.truncated
    assert list(made.source_seqs) == list(range(21, 31))
    assert len(made.text) <= 8_000
    assert made.usage.input_tokens < 24_000


async def test_an_entry_is_translated_as_it_is_now_and_paid_for_once(at_work: World) -> None:
    """The same text into the same language costs nothing the second time, whoever asks; another language does."""
    await talk(at_work)
    async with at_work.process() as node:
        made = await translate(node, 2)
        assert (made.text, made.detected_locale) == ("[de] at six", "und")
        assert made.usage.output_tokens > 0
        again = await translate(node, 2, user_id=BOB)
        assert (again.text, again.usage) == (made.text, ai_pb2.Usage())
        # What is known in one conversation tells nobody of another that it was said there.
        probe = await node.ask("Translate", TranslateRequest(text="at six", target_locale="de"), OTHER)
        assert probe.usage.output_tokens > 0
        assert (await translate(node, 2, "fr")).usage.output_tokens > 0
        edit = Edit(target_seq=2, body=Body(text=Text(text="at nine")))
        await at_work.logs.write(BOB, Content(edit=edit), to=GROUP)
        assert (await translate(node, 2)).text == "[de] at nine"
        long = "ü" * 8_000
        asked = TranslateRequest(text=long, target_locale="de", source_locale="tr")
        given = await node.ask("Translate", asked)
        assert (given.text, given.detected_locale) == (f"[de] {long}", "tr")


async def test_only_words_that_one_can_read_are_translated(at_work: World) -> None:
    """What is hidden, recalled, not there, before one's coming, or no message is not found; a picture has no words, its
    caption has.
    """
    await talk(at_work)
    logs = at_work.logs
    picture = MediaRef(media_id="m000000000000000", name="sea.jpg", media_type="image/jpeg")
    bare = Body(image=Image(media=picture), fallback_text="[picture]")
    await logs.write(BOB, Content(post=Post(body=bare)), to=GROUP)
    bare.image.caption = "the sea"
    await logs.write(BOB, Content(post=Post(body=bare)), to=GROUP)
    logs.hidden.add((ANN, GROUP, 3))
    logs.recall(4, GROUP)
    await logs.write(BOB, Content(edit=Edit(target_seq=2, body=Body(text=Text(text="x")))), to=GROUP)
    logs.came[GROUP, BOB] = 2
    async with at_work.process() as node:
        assert (await translate(node, 6)).text == "[de] the sea"
        for user_id, seq, reason in (
            (ANN, 3, "ENTRY_NOT_FOUND"),
            (ANN, 4, "ENTRY_NOT_FOUND"),
            (ANN, 7, "ENTRY_NOT_FOUND"),
            (ANN, 99, "ENTRY_NOT_FOUND"),
            (BOB, 1, "ENTRY_NOT_FOUND"),
            (ANN, 5, "ENTRY_WITHOUT_TEXT"),
            (OTHER, 1, "CONVERSATION_NOT_FOUND"),
        ):
            with pytest.raises(MeshError) as refused:
                await translate(node, seq, user_id=user_id)
            assert refused.value.reason == reason


async def test_suggestions_fit_the_latest_messages(at_work: World) -> None:
    """A question gets other suggestions than a statement, a draft is gone on with, and they say how far they know."""
    await talk(at_work)
    async with at_work.process() as node:
        made = await suggest(node)
        assert (list(made.suggestions), made.as_of_seq) == (["Thank you!", "All right.", "Tell me more."], 4)
        at_work.logs.hidden |= {(ANN, GROUP, 2), (ANN, GROUP, 3), (ANN, GROUP, 4)}
        assert list((await suggest(node, count=2)).suggestions) == ["Yes.", "No."]
        begun = await suggest(node, draft="I come", count=5, locale="nl")
        assert begun.suggestions[0] == "[nl] I come."
        assert len(begun.suggestions) == 5
        at_work.logs.members["g000000000000001"] = {ANN}
        empty = await suggest(node, conversation_id="g000000000000001")
        assert empty == SuggestRepliesResponse(usage=ai_pb2.Usage())
