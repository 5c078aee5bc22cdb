"""Live settings that were kept before there were modes."""

from mesh.live import JudgingMode, LiveSettings, PolicyMode
from svc_user.infrastructure import live_document


def test_settings_from_before_are_read() -> None:
    """They say nothing of modes: each node is as it was started."""
    kept = '{"registration_closed": true, "send_rate": null, "word_classes": []}'
    found = live_document.decode(7, kept)
    assert found == LiveSettings(7, registration_closed=True)
    assert (found.policy_mode, found.judging_mode) == (PolicyMode.AS_STARTED, JudgingMode.AS_STARTED)
