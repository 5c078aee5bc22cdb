"""What users use of the model is kept, and those who have had their part of the day are told so."""

from dataclasses import astuple, replace
from math import ceil

import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, MeshError, unavailable
from mesh.settings import SettingError
from parley.ai.v1 import reply_pb2
from parley.ai.v1.assistant_service_pb2 import GetUsageRequest, GetUsageResponse
from parley.message.v1.body_pb2 import AssistantReply
from svc_ai.application.answer import SPENT
from svc_ai.application.usage import KEPT_DAYS, Metering
from svc_ai.domain.reply import Reply, Usage
from svc_ai.domain.usage import DAY_MS, Daily, DayUse, begins_ms, day_of
from svc_ai.infrastructure.prices import prices_of
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, Running, World, until

MIDNIGHT = begins_ms(20_000)


class Kept:
    """A store in memory. `away` makes it unavailable."""

    def __init__(self) -> None:
        self.days: dict[tuple[int, str], DayUse] = {}
        self.away = False

    async def of(self, user_id: str, day: int) -> DayUse:
        self._answer()
        return self.days.get((day, user_id), DayUse())

    async def add(self, user_id: str, day: int, usage: Usage) -> None:
        self._answer()
        use = self.days.get((day, user_id), DayUse())
        pairs = zip(astuple(use.usage), astuple(usage), strict=True)
        self.days[day, user_id] = DayUse(use.requests + 1, Usage(*(one + other for one, other in pairs)))

    async def forget_before(self, day: int) -> None:
        self.days = {key: use for key, use in self.days.items() if key[0] >= day}

    def _answer(self) -> None:
        if self.away:
            raise unavailable("STORE_UNAVAILABLE", "away")


class Failures:
    """A journal that keeps what failed."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def ended(self, reply: Reply, outcome: str, seconds: float) -> None: ...

    def failed(self, what: str, error: Exception) -> None:
        self.parts.append(what)


def metering(daily: Daily, store: Kept, clock: FakeClock, journal: Failures | None = None) -> Metering:
    return Metering(store, daily, journal or Failures(), clock)


async def refusal(meter: Metering, user_id: str = ANN) -> MeshError:
    with pytest.raises(MeshError) as refused:
        await meter.check(user_id)
    return refused.value


@pytest.mark.parametrize(
    "daily", [Daily(tokens=10), Daily(requests=2), Daily(tokens=1_000, requests=2), Daily(cost_micros=80)]
)
async def test_a_day_is_used_up_until_midnight(daily: Daily) -> None:
    """Each limit refuses, says how long until midnight UTC, and then begins again; others are let in all the time."""
    clock = FakeClock(MIDNIGHT + DAY_MS - 60_000)
    meter = metering(daily, Kept(), clock)
    for _ in range(2):
        await meter.check(ANN)
        await meter.count(ANN, Usage(3, 2, cost_micros=40))
    error = await refusal(meter)
    assert (error.code, error.reason, error.retry_after) == (Code.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED", 60.0)
    await meter.check(BOB)
    clock.advance(60)
    await meter.check(ANN)


async def test_without_a_limit_nothing_is_read() -> None:
    """Whoever sets no limit does not depend on the store before an answer."""
    store = Kept()
    store.away = True
    await metering(Daily(), store, FakeClock()).check(ANN)
    with pytest.raises(MeshError, match="away"):
        await metering(Daily(requests=1), store, FakeClock()).check(ANN)


async def test_an_answer_outlives_its_count() -> None:
    """A store that is away costs a count, which an operator reads of, and no answer."""
    store, journal = Kept(), Failures()
    store.away = True
    await metering(Daily(), store, FakeClock(), journal).count(ANN, Usage(1, 1))
    assert journal.parts == ["usage"]


async def test_months_that_are_over_are_let_go() -> None:
    """Two months are kept, and no more of them."""
    clock, store = FakeClock(MIDNIGHT), Kept()
    meter = metering(Daily(), store, clock)
    today = day_of(MIDNIGHT)
    store.days = {(day, ANN): DayUse(1) for day in (today - KEPT_DAYS - 1, today - KEPT_DAYS, today)}
    running = meter.run()
    running.send(None)
    running.close()
    assert sorted(day for day, _ in store.days) == [today - KEPT_DAYS, today]


async def used(node: Running, user_id: str = ANN) -> GetUsageResponse:
    return await node.stub.GetUsage(GetUsageRequest(), metadata=node.as_user(user_id), timeout=5)


async def test_each_answer_is_counted_for_who_asked(at_work: World) -> None:
    """Tokens and requests of a user are there after a restart, others have none, and a failure costs nothing."""
    async with at_work.process() as node:
        await at_work.logs.say(ANN, "count to 3")
        await at_work.logs.say(ANN, "fail now")
        await until(lambda: len(at_work.logs.answers()) == 2)
        before = await used(node)
    async with at_work.process() as node:
        assert await used(node) == before
        assert (await used(node, BOB)).requests_today == 0
    [answer, _] = at_work.logs.answers()
    assert (before.requests_today, before.today.output_tokens) == (1, 3)
    assert before.today.input_tokens == answer.input_tokens > 0
    assert (before.daily_token_limit, before.daily_request_limit) == (0, 0)
    assert before.resets_at_ms % DAY_MS == 0


async def test_what_a_cut_answer_used_is_estimated(at_work: World) -> None:
    """A model that is cut off never says what it used; it is counted all the same, by its text."""
    async with at_work.process() as node:
        await at_work.logs.say(ANN, "flood now")
        await until(lambda: len(at_work.logs.answers()) == 1)
        found = await used(node)
    assert (found.requests_today, found.today.output_tokens) == (1, 4_000)
    assert at_work.logs.answers()[0].output_tokens == 4_000


async def test_a_used_up_day_is_said_in_the_chat(at_work: World) -> None:
    """The refusal is an entry, said once and not to each question; no model is called; others are answered."""
    async with at_work.process(replace(FAST, daily=Daily(requests=1))) as node:
        for _ in range(4):
            await at_work.logs.say(ANN, "hello")
        last = await at_work.logs.say(ANN, "hello")
        await until(lambda: "failed" in at_work.logs.kinds())
        await until(lambda: at_work.cursor(DIRECT) >= last)
        await at_work.logs.say(BOB, "hello", ASSISTANT, to=GROUP)
        await until(lambda: len(at_work.logs.answers(GROUP)) == 1)
        found = await used(node)
    ends = [(answer.finish, answer.text == SPENT) for answer in at_work.logs.answers()]
    assert ends == [(AssistantReply.FINISH_COMPLETE, False), (AssistantReply.FINISH_FAILED, True)]
    failed = next(event.failed for event in at_work.logs.events if event.HasField("failed"))
    assert failed.failure == reply_pb2.REPLY_FAILURE_BUDGET_EXHAUSTED
    assert 0 < failed.retry_after_ms <= DAY_MS
    assert (found.requests_today, found.daily_request_limit) == (1, 1)


PRICED = replace(FAST, prices="another=9/9/9, scripted=0.25/0.1/2", daily=Daily(cost_micros=7))


async def test_calls_cost_what_the_installation_says(at_work: World) -> None:
    """The price of the model that answered is asked for, read and written, and a used-up day of money refuses."""
    async with at_work.process(PRICED) as node:
        await at_work.logs.say(ANN, "count to 3")
        await until(lambda: len(at_work.logs.answers()) == 1)
        found = await used(node)
        await at_work.logs.say(ANN, "hello")
        await until(lambda: "failed" in at_work.logs.kinds())
    assert found.today.cost_micros == ceil(found.today.input_tokens * 0.25 + 3 * 2)
    assert found.daily_cost_micros_limit == 7
    assert at_work.logs.answers()[-1].text == SPENT


def test_what_the_provider_still_had_costs_its_own_price() -> None:
    """Cached tokens are part of those read and are not paid twice; a model without a price costs nothing."""
    prices = prices_of("org/model:7b=v2=2.5/1.25/10,free=0/0/0")
    assert prices.charged(Usage(100, 3, 40), "org/model:7b=v2").cost_micros == 150 + 50 + 30
    assert prices.charged(Usage(100, 3, 40, model="org/model:7b=v2"), "free").cost_micros == 230
    assert prices.charged(Usage(100, 3, 40), "free").cost_micros == 0
    assert prices.charged(Usage(100, 3, 40), "unknown") == Usage(100, 3, 40)


@pytest.mark.parametrize(
    "given", ["model", "=1/1/1", "m=1/1", "m=1/1/1/1", "m=1/x/1", "m=-1/1/1", "m=NaN/1/1", "m=1/1/2e6"]
)
def test_a_wrong_price_is_one_clear_line(given: str) -> None:
    """It names the setting and says what it must be."""
    with pytest.raises(SettingError, match="AI_PRICES: must be model=read/cached/written"):
        prices_of(given)
