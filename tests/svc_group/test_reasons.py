"""Reasons."""

from parley.error.v1.reason_pb2 import Reason as Contract
from svc_group.domain.reasons import Reason


def test_every_reason_is_one_of_the_contract() -> None:
    """What the service gives as a reason is a value of parley.error.v1.Reason."""
    assert {f"REASON_{reason}" for reason in Reason} <= set(Contract.keys())
