"""What the two services may answer."""

import pytest

import svc_gateway.domain
from parley.error.v1.reason_pb2 import Reason
from svc_message.domain.reasons import Reason as MessageReason


@pytest.mark.parametrize("reason", [*MessageReason, *svc_gateway.domain.Reason])
def test_each_reason_is_in_the_contract(reason: str) -> None:
    """App developers find every reason in `parley.error.v1.Reason`."""
    assert f"REASON_{reason}" in Reason.keys()  # noqa: SIM118 - an enum of protobuf is no mapping
