from __future__ import annotations

import pytest

from mesh import errors
from mesh.errors import Code, MeshError, Reason
from parley.error.v1 import reason_pb2


@pytest.mark.parametrize(
    "make, code",
    [
        (errors.invalid, Code.INVALID_ARGUMENT),
        (errors.unauthenticated, Code.UNAUTHENTICATED),
        (errors.denied, Code.PERMISSION_DENIED),
        (errors.not_found, Code.NOT_FOUND),
        (errors.already_exists, Code.ALREADY_EXISTS),
        (errors.precondition, Code.FAILED_PRECONDITION),
        (errors.aborted, Code.ABORTED),
        (errors.exhausted, Code.RESOURCE_EXHAUSTED),
        (errors.out_of_range, Code.OUT_OF_RANGE),
        (errors.unavailable, Code.UNAVAILABLE),
        (errors.deadline, Code.DEADLINE_EXCEEDED),
        (errors.unimplemented, Code.UNIMPLEMENTED),
        (errors.internal, Code.INTERNAL),
    ],
)
def test_a_constructor_makes_the_code_of_its_name(make: object, code: Code) -> None:
    """Each constructor carries reason, message and metadata under its own code."""
    assert callable(make)
    error = make("WHY", "what happened", version="7")
    assert isinstance(error, MeshError)
    assert (error.code, error.reason, error.message) == (code, "WHY", "what happened")
    assert dict(error.metadata) == {"version": "7"}


def test_metadata_cannot_be_changed_afterwards() -> None:
    """An error is a value: what was raised is what arrives."""
    source = {"version": "7"}
    error = MeshError(Code.ABORTED, "WHY", "", metadata=source)
    source["version"] = "8"
    assert error.metadata["version"] == "7"


def test_each_reason_of_the_mesh_is_in_the_contract() -> None:
    """A client developer finds every reason in the enum."""
    assert {f"REASON_{reason}" for reason in Reason} <= set(reason_pb2.Reason.keys())
