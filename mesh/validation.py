"""The limits that the contract puts on its fields, checked in one way for requests and for frames of a stream."""

from typing import Final

from google.protobuf.message import Message
from protovalidate import Validator, Violation

from mesh import errors
from mesh.errors import FieldViolation, Reason

# A refused request must fit into the 8 KiB of metadata that a client accepts.
MAX_VIOLATIONS: Final = 16
MAX_DESCRIPTION: Final = 160


def check(validator: Validator, message: Message) -> None:
    """Raise INVALID_REQUEST with the fields and their rules, never their values, when the message breaks one."""
    violations = validator.collect_violations(message)
    if violations:
        fields = [_field_violation(violation) for violation in violations[:MAX_VIOLATIONS]]
        text = "the request is outside the limits of its fields"
        raise errors.invalid(Reason.INVALID_REQUEST, text, *fields)


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
