"""The terminal for operators: what is typed, and what a word file says."""

import pytest

from parley.ai.v1.moderation_service_pb2 import VERDICT_BLOCK, VERDICT_MASK
from parley_terminal.__main__ import _parser
from parley_terminal.operate.live import read_words
from parley_terminal.operate.shown import line
from parley_terminal.operate.verbs import VERBS


def test_a_word_file_has_classes_of_words() -> None:
    """A header begins a class, a remark and an empty line are none, and a mistake is told with its line."""
    found = read_words("# ours\n[insults mask]\nzounderkite\n\n傻瓜蛋\n[forbidden block]\n# no\ngnashgab*\n")
    assert [(one.name, one.action, list(one.words)) for one in found] == [
        ("insults", VERDICT_MASK, ["zounderkite", "傻瓜蛋"]),
        ("forbidden", VERDICT_BLOCK, ["gnashgab*"]),
    ]
    for text, where in (("word", "line 1"), ("[insults hide]", "line 1"), ("\n[x]\n", "line 2")):
        with pytest.raises(ValueError, match=where):
            read_words(text)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: f"{verb.noun} {verb.name}")
def test_what_changes_something_asks_for_a_reason(verb: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb is typed as its help says; one that acts is refused without a reason."""
    words = [word.strip("[]") for word in verb.words]  # type: ignore[attr-defined]
    typed = ["admin", "--username", "root", verb.noun, verb.name, *words]  # type: ignore[attr-defined]
    if not verb.acts:  # type: ignore[attr-defined]
        assert _parser().parse_args(typed).do is verb.do  # type: ignore[attr-defined]
        return
    with pytest.raises(SystemExit):
        _parser().parse_args(typed)
    assert "--reason" in capsys.readouterr().err
    assert _parser().parse_args([*typed, "--reason", "why"]).reason == "why"


def test_what_others_wrote_breaks_no_line() -> None:
    """Line breaks, tabs and control characters of a text do not look like fields or lines of their own."""
    assert line("a", "b\tc\nd") == "a\tb c d"
