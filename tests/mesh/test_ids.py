import random
import re

from hypothesis import given
from hypothesis import strategies as st

from mesh.clock import FakeClock
from mesh.ids import LENGTH, Ids, encode


def test_an_id_has_the_form_that_the_contracts_ask_for() -> None:
    """A letter for the kind and 15 characters that nobody misreads."""
    assert re.fullmatch(r"u[0-9a-hjkmnp-tv-z]{15}", Ids(FakeClock()).new("u"))


def test_ids_rise_within_a_millisecond_and_when_the_clock_goes_back() -> None:
    """The ids of one process sort in the order in which they were made, whatever the clock does."""
    clock = FakeClock()
    ids = Ids(clock, random.Random(1))
    made = [ids.new("m") for _ in range(1_000)]
    clock.advance(-3_600)
    made += [ids.new("m") for _ in range(1_000)]
    clock.advance(7_200)
    made.append(ids.new("m"))
    assert made == sorted(set(made))


def test_two_processes_make_different_ids_at_the_same_time() -> None:
    """What tells them apart is the random part."""
    clock = FakeClock()
    assert Ids(clock, random.Random(1)).new("u") != Ids(clock, random.Random(2)).new("u")


@given(st.integers(0, 2**75 - 1), st.integers(0, 2**75 - 1))
def test_encoded_numbers_sort_like_the_numbers(one: int, two: int) -> None:
    """Time is the upper part of an id, so ids sort by time also between processes."""
    assert (one < two) == (encode(one) < encode(two))
    assert len(encode(one)) == LENGTH
