"""What each RPC may answer by the comments of the contract, and what was answered beyond that while a test ran."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from parley.error.v1.reason_pb2 import Reason

PROTO: Final = Path(__file__).parents[1] / "proto"
COMMON: Final = (*range(1, 15), Reason.REASON_REQUEST_TOO_LARGE, Reason.REASON_SCOPE_REQUIRED)
"""Numbers of the reasons that every RPC may answer, as reason.proto says."""

_REASONS: Final = {name.removeprefix("REASON_"): number for name, number in Reason.items() if number}
_WORD: Final = re.compile(r"\b(?:REASON_)?([A-Z][A-Z_]+[A-Z])\b")
_SERVICE: Final = re.compile(r"^service (\w+) \{")
_RPC: Final = re.compile(r"^  rpc (\w+)\((?:stream )?([\w.]+)\)")
_MESSAGE: Final = re.compile(r"^message (\w+) \{")

undeclared: Final[list[tuple[str, str]]] = []
"""Path of an RPC, and a reason that it answered and does not declare."""


def hear(path: str, reason: str) -> None:
    """Note that an RPC answered this, if it is one of the contract that does not say so."""
    declared = contract().get(path)
    if declared is not None and reason and reason not in declared:
        undeclared.append((path, reason))


@cache
def contract() -> dict[str, frozenset[str]]:
    """The reasons that each RPC declares, by its path on the wire, those of every RPC included."""
    common = frozenset(name for name, number in _REASONS.items() if number in COMMON)
    return {path: common | said for file in sorted(PROTO.glob("parley/**/*.proto")) for path, said in _declared(file)}


def _declared(file: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """The RPCs of a file, each with what its comment, that of its service, and those of its request name."""
    text = file.read_text(encoding="utf-8")
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
    messages = dict(_messages(text.splitlines()))
    service, of_service, comment = "", frozenset[str](), list[str]()
    for line in text.splitlines():
        if line.lstrip().startswith("//"):
            comment.append(line)
            continue
        if found := _SERVICE.match(line):
            service, of_service = found[1], _named(comment)
        elif found := _RPC.match(line):
            path = f"/{package[1] if package else ''}.{service}/{found[1]}"
            yield path, _named(comment) | of_service | messages.get(found[2], frozenset())
        comment = []


def _messages(lines: list[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """The messages of a file, each with the reasons that the comments in it name."""
    name, comment = "", list[str]()
    for line in lines:
        if found := _MESSAGE.match(line):
            name, comment = found[1], []
        elif name and line.startswith("}"):
            yield name, _named(comment)
            name = ""
        elif "//" in line:
            comment.append(line)


def _named(comment: list[str]) -> frozenset[str]:
    return frozenset(_WORD.findall("\n".join(comment))) & _REASONS.keys()
