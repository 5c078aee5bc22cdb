from __future__ import annotations

import pytest

from tests.sdk.model import Device


@pytest.fixture
def device() -> Device:
    """A device that is online and knows no conversation yet."""
    device = Device()
    device.online()
    return device
