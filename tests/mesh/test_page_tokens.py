"""Page tokens: a place comes back to who asked for it, and to nobody else."""

import pytest

from mesh.errors import MeshError
from mesh.page_tokens import seal, unseal


@pytest.mark.parametrize("key", [b"", b"a key"])
def test_a_place_comes_back(key: bytes) -> None:
    """What was sealed for a question is read with that question, whatever the place is made of."""
    for place in ("1", '[7,"ä"]', "x" * 300, "\0"):
        assert unseal("list ann", seal("list ann", place, key), key) == place


@pytest.mark.parametrize(
    "question, token, key",
    [
        ("list bob", seal("list ann", "7"), b""),
        ("list an", seal("list ann", "7"), b""),
        ("list ann", seal("list ann", "7"), b"a key"),
        ("list ann", seal("list ann", "7", b"another"), b"a key"),
        ("list ann", seal("list ann", "7") + "AA", b""),
        ("list ann", "é%", b""),
        ("list ann", "AAAA", b""),
        ("list ann", "_" * 64, b""),
    ],
)
def test_what_is_not_of_this_question_is_refused(question: str, token: str, key: bytes) -> None:
    """A token of another question, of another key, or altered answers PAGE_TOKEN_INVALID."""
    with pytest.raises(MeshError) as refused:
        unseal(question, token, key)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"
