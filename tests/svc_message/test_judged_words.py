"""Which words of a body a model is shown."""

from parley.ai.v1 import moderation_service_pb2 as pb
from parley.message.v1.body_pb2 import Body, Bundle, BundleItem, Image, MediaRef, Text
from parley.message.v1.entry_pb2 import Content, Entry, Post
from svc_message.infrastructure.model_judge import MAX_TEXT, ModelJudge
from tests.svc_message.test_judging import verdict


async def test_all_words_of_a_body_are_judged() -> None:
    """Captions, summaries of a bundle, and long texts in parts; ids and types are no words; no words, no question."""
    asked: list[str] = []

    class Stub:
        async def Moderate(self, request: pb.ModerateRequest, timeout: float) -> pb.ModerateResponse:  # noqa: ASYNC109
            asked.append(request.text)
            return verdict(request.text)

    critic = ModelJudge(Stub(), 1.0)  # type: ignore[arg-type]
    picture = Image(media=MediaRef(media_id="m" + "1" * 15, media_type="image/png"), caption="an axe")
    assert (await critic.judge(_entry(Body(image=picture)))) is not None
    bundle = Bundle(title="a day", items=[BundleItem(sender_name="Ann", summary="so rude")])
    found = await critic.judge(_entry(Body(bundle=bundle)))
    assert found is not None
    assert found.explanation == "judged: harassment (0.70)"
    assert asked == ["an axe", "a day\nAnn\nso rude"]
    asked.clear()
    long = "x" * MAX_TEXT + "axe"
    assert (await critic.judge(_entry(Body(text=Text(text=long))))) is not None
    assert [len(text) for text in asked] == [MAX_TEXT, 3]
    asked.clear()
    assert (await critic.judge(_entry(Body(image=Image(media=picture.media))))) is None
    assert asked == []


def _entry(body: Body) -> bytes:
    return Entry(content=Content(post=Post(body=body))).SerializeToString()
