"""What shows nothing to a reader, and what does although it looks as if it did not."""

import pytest

from mesh.visible import visible


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" \t\n\u00a0\u3000\u2028", id="spaces"),
        pytest.param("\x00\x1b", id="controls"),
        pytest.param("\u200b\u2060\ufeff\u00ad", id="no width"),
        pytest.param("\u200e\u200f\u061c\u202e", id="directions"),
        pytest.param("\ufe0f\u200d\ufe0f", id="variations and joiners without an emoji"),
        pytest.param("\u0301\u20dd\u034f", id="marks on nothing"),
        pytest.param("\u115f\u1160\u3164\uffa0", id="Hangul fillers"),
        pytest.param("\u2800", id="empty braille"),
        pytest.param("\U0001d159", id="a note without a head"),
        pytest.param("\U000e0061\U000e007f", id="tags"),
        pytest.param("\u2065\ufff0\U000e0080\U000e0fff", id="kept for what shows nothing"),
    ],
)
def test_what_shows_nothing(text: str) -> None:
    """A text of these alone is as good as empty, and one with a letter among them is not."""
    assert not visible(text)
    assert visible(f"{text}a{text}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(".", id="punctuation"),
        pytest.param("\u2764\ufe0f", id="an emoji with a variation"),
        pytest.param("\U0001f469\u200d\U0001f680", id="a joined emoji"),
        pytest.param("1\ufe0f\u20e3", id="a keycap"),
        pytest.param("\U0001f1e9\U0001f1ea", id="a flag"),
        pytest.param("\U0001f3fd", id="a skin tone"),
        pytest.param("\U0001fae9", id="an emoji of a newer Unicode"),
        pytest.param("\u093e", id="a mark with a width"),
        pytest.param("\uf8ff", id="a sign of a font"),
        pytest.param("\u200f\u0645\u200f", id="a letter between directions"),
        pytest.param("\u3131", id="a Hangul letter"),
        pytest.param("\u2801", id="braille"),
    ],
)
def test_what_is_seen(text: str) -> None:
    """One of these alone is a message and a name."""
    assert visible(text)
