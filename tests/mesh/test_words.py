"""Words are found whatever their spelling, and not in words that only contain them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.infrastructure.aho_corasick import make_finder
from mesh.words import Action, WordClass, Words, _Spread, fold

LIST = Words(
    [
        WordClass("insults", Action.MASK, ("badword", "goat", "傻瓜", "schlimm*", "naïve")),
        WordClass("drugs", Action.REVIEW, ("weed",)),
        WordClass("forbidden", Action.BLOCK, ("forbidden thing", "敏感词", "밀수품", "ass")),
        WordClass("exceptions", Action.ALLOW, ("goat cheese", "ass milk")),
    ],
    make_finder,
)


def masked(text: str) -> str:
    """The text as it is shown."""
    judgement = LIST.judge(text)
    return judgement.masked if judgement else text


def action(text: str) -> Action | None:
    """What is done about it."""
    judgement = LIST.judge(text)
    return judgement.action if judgement else None


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a badword here", "a ******* here"),
        ("BADWORD!", "*******!"),
        ("ｂａｄｗｏｒｄ", "*******"),
        ("b4dw0rd", "*******"),
        ("bаdwоrd", "*******"),
        ("b.a-d_w*o/r,d", "*************"),
        ("b\u200bad\u2060word", "*********"),
        ("b a d w o r d", "* * * * * * *"),
        ("bádwörd", "*******"),
        ("ba\u0301dword\u0301 x", "********* x"),
        ("你这个傻瓜啊", "你这个**啊"),
        ("傻 瓜", "* *"),
        ("傻\u200b瓜", "***"),
        ("傻##瓜", "****"),
        ("schlimmer", "*******er"),
        ("naive", "*****"),
    ],
)
def test_a_word_is_masked_in_every_spelling(text: str, shown: str) -> None:
    """Case, width, look-alikes, accents, signs and what cannot be seen do not help; what stands around it stays."""
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    ["go at once", "scapegoat", "goats", "classic", "pass it", "a class act", "weeds", "ba dword", "", "敏感 的词"],
)
def test_what_only_contains_a_word_is_left(text: str) -> None:
    """A piece of a longer word, or of two, is no word."""
    assert LIST.judge(text) is None


@pytest.mark.parametrize(
    "text, expected",
    [
        ("weed and badword", Action.REVIEW),
        ("the forbidden  thing", Action.BLOCK),
        ("敏*感*词", Action.BLOCK),
        ("這裡有敏感词吗", Action.BLOCK),
        ("밀수품", Action.BLOCK),
        ("badword", Action.MASK),
        ("fine", None),
    ],
)
def test_the_gravest_action_counts(text: str, expected: Action | None) -> None:
    """A text with words of several classes gets the one that weighs most."""
    assert action(text) == expected


def test_an_exception_covers_what_is_within_it_alone() -> None:
    """`goat cheese` is fine; a goat beside it is not."""
    assert LIST.judge("goat cheese and ass milk") is None
    assert masked("goat cheese for a goat") == "goat cheese for a ****"


def test_without_words_nothing_is_found() -> None:
    """An empty list, and words of which nothing is left, find nothing."""
    assert Words([], make_finder).judge("anything") is None
    assert len(Words([WordClass("x", Action.BLOCK, ("...", ""))], make_finder)) == 0


@given(st.text(max_size=40))
def test_both_ways_of_folding_agree(text: str) -> None:
    """The quick look at a whole text and the slow one at each character see the same, so that no find is misplaced."""
    assert "".join(_Spread(text)._folded) == fold(text)


@given(st.text(max_size=20), st.text(max_size=20))
def test_masking_keeps_the_length_and_what_is_around(before: str, after: str) -> None:
    """Whatever stands around a word is shown as it was, but for marks that belong to its last letter."""
    judgement = LIST.judge(f"{before} badword {after}")
    assert judgement is not None
    assert len(judgement.masked) == len(before) + len(after) + 9
    assert judgement.masked[len(before) + 1 : len(before) + 8] in {"*******", "badword"}
