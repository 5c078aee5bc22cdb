"""The limits that the contract puts on its fields, checked in one way for requests and for frames of a stream."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from protovalidate import Validator, Violation

from mesh import errors
from mesh.errors import FieldViolation, Reason

# A refused request must fit into the 8 KiB of metadata that a client accepts.
MAX_VIOLATIONS: Final = 16
MAX_DESCRIPTION: Final = 160

MAX_LOOKED_AT: Final = 256
"""Of a message with more values the first violation alone is told. To find all takes a time that grows with the square
of their number: one of 1 MiB that is nothing but empty items would keep the process busy for hours."""

MAX_PATHS: Final = 100
"""Paths of a field mask: its type is not ours, so the contract cannot say it."""


@cache
def compiled() -> Validator:
    """The rules of this process: those of a type are compiled once, a millisecond each, for all its servers."""
    return Validator()


def check(validator: Validator, message: Message, *, first: bool = False) -> None:
    """Raise INVALID_REQUEST with the fields and their rules, never their values, when the message breaks one.

    With `first` it names one field: for what is answered where there is no room for more.
    """
    most = 0 if first else MAX_LOOKED_AT
    fields = _long_masks(message) or [_field_violation(one) for one in _violations(validator, message, most)]
    if fields:
        text = "the request is outside the limits of its fields"
        raise errors.invalid(Reason.INVALID_REQUEST, text, *fields)


def _violations(validator: Validator, message: Message, most: int) -> Sequence[Violation]:
    first = validator.collect_violations(message, fail_fast=True)
    if first and most and _left(message, most) >= 0:
        return validator.collect_violations(message)[:MAX_VIOLATIONS]
    return first


def _left(message: Message, budget: int) -> int:
    """The budget less the values in a message, at every depth; below 0 as soon as they are more."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        budget -= len(values)
        if budget >= 0 and field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for one in values:
                budget = _left(one, budget)
        if budget < 0:
            break
    return budget


def _long_masks(message: Message) -> list[FieldViolation]:
    names = _masks(message.DESCRIPTOR)
    long = [name for name in names if len(getattr(message, name).paths) > MAX_PATHS]
    return [FieldViolation(name, f"must name at most {MAX_PATHS} fields") for name in long]


@cache
def _masks(kind: Descriptor) -> tuple[str, ...]:
    """The fields of a message that are field masks."""
    kinds = ((field.name, field.message_type) for field in kind.fields if not field.is_repeated)
    return tuple(name for name, of in kinds if of is not None and of.full_name == "google.protobuf.FieldMask")


def _field_violation(violation: Violation) -> FieldViolation:
    proto = violation.proto
    elements = proto.field.elements if proto.field else ()
    path = ".".join(_element(element) for element in elements)
    return FieldViolation(path, (proto.message or proto.rule_id or "")[:MAX_DESCRIPTION])


def _element(element: object) -> str:
    # A map's key comes from the caller, so only a list's index is shown.
    name = getattr(element, "field_name", "")
    subscript = getattr(element, "subscript", None)
    return f"{name}[{subscript.value}]" if subscript and subscript.field == "index" else name
