"""Requests that are refused, that fail, and that are too many."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from google.protobuf.message import Message

from mesh.errors import Code, MeshError
from parley.ai.v1.assistant_service_pb2 import (
    GetUsageRequest,
    RegenerateReplyRequest,
    SuggestRepliesRequest,
    SummariseRequest,
    TranslateRequest,
)
from svc_ai.domain.usage import Daily
from tests.svc_ai.neighbours import ANN, BOB, DIRECT, GROUP
from tests.svc_ai.requesting import OTHER, suggest, summarise, talk, translate
from tests.svc_ai.world import FAST, HASTY, Running, World, until

WRONG: list[tuple[str, Message, str]] = [
    ("Summarise", SummariseRequest(conversation_id=GROUP, from_seq=1, to_seq=2), "INVALID_REQUEST"),
    ("Summarise", SummariseRequest(request_id="r", from_seq=1, to_seq=2), "INVALID_REQUEST"),
    ("Summarise", SummariseRequest(request_id="r", conversation_id=GROUP, from_seq=2, to_seq=1), "INVALID_REQUEST"),
    ("Summarise", SummariseRequest(request_id="r", conversation_id=GROUP, to_seq=1), "INVALID_REQUEST"),
    ("Summarise", SummariseRequest(request_id="r", conversation_id=GROUP, from_seq=1, to_seq=10**6), "INVALID_REQUEST"),
    (
        "Summarise",
        SummariseRequest(request_id="r", conversation_id=GROUP, from_seq=1, to_seq=2, locale="../.."),
        "INVALID_REQUEST",
    ),
    ("Summarise", SummariseRequest(request_id="r", conversation_id=GROUP, from_seq=90, to_seq=99), "RANGE_INVALID"),
    (
        "Summarise",
        SummariseRequest(request_id="r", conversation_id=GROUP, from_seq=2**64 - 2, to_seq=2**64 - 1),
        "RANGE_INVALID",
    ),
    (
        "Summarise",
        SummariseRequest(request_id="r", conversation_id=BOB, from_seq=1, to_seq=2),
        "CONVERSATION_NOT_FOUND",
    ),
    ("Translate", TranslateRequest(target_locale="de"), "INVALID_REQUEST"),
    ("Translate", TranslateRequest(text="", target_locale="de"), "INVALID_REQUEST"),
    ("Translate", TranslateRequest(text="x" * 8_001, target_locale="de"), "INVALID_REQUEST"),
    ("Translate", TranslateRequest(text="x"), "INVALID_REQUEST"),
    ("Translate", TranslateRequest(text="x", target_locale="de; drop"), "INVALID_REQUEST"),
    ("SuggestReplies", SuggestRepliesRequest(conversation_id=GROUP, count=6), "INVALID_REQUEST"),
    ("SuggestReplies", SuggestRepliesRequest(conversation_id=GROUP, count=-1), "INVALID_REQUEST"),
    ("SuggestReplies", SuggestRepliesRequest(conversation_id=GROUP, draft="x" * 2_001), "INVALID_REQUEST"),
    ("SuggestReplies", SuggestRepliesRequest(conversation_id=f"{BOB}-{OTHER}"), "CONVERSATION_NOT_FOUND"),
]


async def test_bad_requests_are_refused(at_work: World) -> None:
    """Each with the reason of the contract, before any model is asked."""
    await talk(at_work)
    async with at_work.process(replace(FAST, requests_per_minute=0)) as node:
        for method, request, reason in WRONG:
            with pytest.raises(MeshError) as refused:
                await node.ask(method, request)
            assert (method, str(request), refused.value.reason) == (method, str(request), reason)
            assert refused.value.code is not Code.UNKNOWN


@pytest.mark.parametrize(
    "text,code,reason",
    [
        ("fail now", Code.UNAVAILABLE, "MODEL_UNAVAILABLE"),
        ("fail halfway", Code.UNAVAILABLE, "MODEL_UNAVAILABLE"),
        ("hang now", Code.DEADLINE_EXCEEDED, "MODEL_TIMEOUT"),
        ("flood now", Code.DEADLINE_EXCEEDED, "MODEL_TIMEOUT"),
    ],
)
async def test_a_model_that_fails_is_a_typed_error(at_work: World, text: str, code: Code, reason: str) -> None:
    """Away, hanging, or without an end: an error with a reason, nothing kept, and the next request is served."""
    async with at_work.process(HASTY if reason == "MODEL_TIMEOUT" else FAST) as node:
        with pytest.raises(MeshError) as failed:
            await node.ask("Translate", TranslateRequest(text=text, target_locale="de"))
        assert (failed.value.code, failed.value.reason) == (code, reason)
        made = await node.ask("Translate", TranslateRequest(text="hello", target_locale="de"))
        assert made.text == "[de] hello"


async def without_end(node: Running, numbers: Iterator[int]) -> None:
    """Ask again and again."""
    for number in numbers:
        await node.ask("Translate", TranslateRequest(text=f"hello {number}", target_locale="de"))


async def test_a_user_gets_so_many_requests(at_work: World) -> None:
    """More than 20 a minute are refused with the time from when on one is taken, others are not; 4 go on at a time."""
    async with at_work.process() as node:
        began, served = time.monotonic(), count()
        with pytest.raises(MeshError) as refused:
            await without_end(node, served)
        many = next(served) - 1
        assert 20 <= many <= 20 + (time.monotonic() - began) / 3, "a slow machine is let in anew meanwhile"
        assert (refused.value.code, refused.value.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
        assert 0 < (refused.value.retry_after or 0) <= 3
        await node.ask("Translate", TranslateRequest(text="hello", target_locale="de"), BOB)
    async with at_work.process(HASTY) as node:
        hanging = [TranslateRequest(text=f"hang now {number}", target_locale="de") for number in range(5)]
        ends = await asyncio.gather(*(node.ask("Translate", one, OTHER) for one in hanging), return_exceptions=True)
        reasons = sorted(end.reason for end in ends if isinstance(end, MeshError))
        assert reasons == ["MODEL_TIMEOUT"] * 4 + ["RATE_LIMITED"]


async def test_each_request_counts_for_the_day(at_work: World) -> None:
    """What the model was asked is taken down, and whoever has had their part of the day is refused by all, but for what
    is known already.
    """
    await talk(at_work)
    async with at_work.process(replace(FAST, daily=Daily(requests=2))) as node:
        await at_work.logs.say(ANN, "hello")
        await until(lambda: at_work.cursor(DIRECT) >= 1)
        await translate(node, 2)
        used = await node.ask("GetUsage", GetUsageRequest())
        assert (used.requests_today, used.daily_request_limit) == (2, 2)
        again = RegenerateReplyRequest(request_id="r", conversation_id=DIRECT, seq=1)
        calls = (translate(node, 1), summarise(node), suggest(node), node.ask("RegenerateReply", again))
        for call in calls:
            with pytest.raises(MeshError) as refused:
                await call
            assert (refused.value.code, refused.value.reason) == (Code.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED")
        assert (await translate(node, 2)).text == "[de] at six"
        assert (await translate(node, 1, user_id=BOB)).text.startswith("[de] tea")
