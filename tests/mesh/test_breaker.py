import pytest

from mesh.breaker import FAILURES, OPEN_S, Breaker, RetryBudget
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError


def failing(clock: FakeClock, times: int = FAILURES) -> Breaker:
    breaker = Breaker("user", clock)
    for _ in range(times):
        breaker.enter()
        breaker.failed()
    return breaker


def refused(breaker: Breaker) -> MeshError:
    with pytest.raises(MeshError) as raised:
        breaker.enter()
    return raised.value


def test_it_stays_closed_while_some_calls_are_answered() -> None:
    """Only failures in a row open it: one answer in between shows that the neighbour is there."""
    breaker = failing(FakeClock(), FAILURES - 1)
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.enter()
        breaker.failed()
    breaker.enter()


def test_it_refuses_at_once_and_says_when_to_come_back() -> None:
    """Who calls a neighbour that does not answer waits for nothing."""
    error = refused(failing(FakeClock()))
    assert (error.code, error.retry_after) == (Code.UNAVAILABLE, OPEN_S)


def test_after_a_while_one_call_tries() -> None:
    """The neighbour that comes back is not met by everybody at once, and opens for all when it answers."""
    clock = FakeClock()
    breaker = failing(clock)
    clock.advance(OPEN_S)
    breaker.enter()
    refused(breaker)
    breaker.succeeded()
    breaker.enter()
    breaker.enter()


def test_a_trial_that_fails_opens_it_again() -> None:
    """It then waits as long as before."""
    clock = FakeClock()
    breaker = failing(clock)
    clock.advance(OPEN_S)
    breaker.enter()
    breaker.failed()
    assert refused(breaker).retry_after == OPEN_S


def test_a_trial_whose_caller_went_away_lets_the_next_one_try() -> None:
    """Nothing was learnt, so nothing is decided."""
    clock = FakeClock()
    breaker = failing(clock)
    clock.advance(OPEN_S)
    breaker.enter()
    breaker.gave_up()
    breaker.enter()


def test_retries_are_paid_for_by_answers() -> None:
    """When nobody is answered, retries end after a handful; ten answers pay for one."""
    budget = RetryBudget(tokens=3.0)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    for _ in range(9):
        budget.earn()
    assert not budget.spend()
    budget.earn()
    budget.earn()
    assert budget.spend()
