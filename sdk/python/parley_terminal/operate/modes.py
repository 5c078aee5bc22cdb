"""What operators do with the modes of the live settings: who looks at what people write."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from parley.admin.v1 import live_settings_pb2
from parley_sdk import Client

POLICY: Final = {
    "default": live_settings_pb2.POLICY_MODE_UNSPECIFIED,
    "off": live_settings_pb2.POLICY_MODE_OFF,
    "fail-open": live_settings_pb2.POLICY_MODE_FAIL_OPEN,
    "fail-closed": live_settings_pb2.POLICY_MODE_FAIL_CLOSED,
}

JUDGING: Final = {
    "default": live_settings_pb2.JUDGING_MODE_UNSPECIFIED,
    "off": live_settings_pb2.JUDGING_MODE_OFF,
    "review": live_settings_pb2.JUDGING_MODE_REVIEW,
    "fail-open": live_settings_pb2.JUDGING_MODE_FAIL_OPEN,
    "fail-closed": live_settings_pb2.JUDGING_MODE_FAIL_CLOSED,
}

SOON: Final = "all nodes take it within 5 seconds"
NEEDS_POLICY: Final = f"{SOON}; those without PARLEY_MESSAGE_POLICY_URL ask nobody"
NEEDS_MODEL: Final = f"{SOON}; without PARLEY_AI_JUDGE_URL at svc_ai there is no answer"


def lines(settings: live_settings_pb2.LiveSettings) -> list[str]:
    """Both modes, a line each."""
    policy = next((name for name, mode in POLICY.items() if mode == settings.policy_mode), "unknown")
    judging = next((name for name, mode in JUDGING.items() if mode == settings.judging_mode), "unknown")
    said = {"default": "as the nodes were started"}
    return [f"policy\t{said.get(policy, policy)}", f"judging\t{said.get(judging, judging)}"]


async def policy(client: Client, asked: Namespace) -> list[str]:
    """Set the mode of the policy of the installation."""
    if asked.mode not in POLICY:
        raise ValueError(f"the mode is one of {', '.join(POLICY)}")
    wanted = live_settings_pb2.LiveSettings(policy_mode=POLICY[asked.mode])
    await client.administration.change_settings(wanted, ["policy_mode"], asked.reason)
    return [NEEDS_POLICY if asked.mode.startswith("fail") else SOON]


async def judging(client: Client, asked: Namespace) -> list[str]:
    """Set the mode of the model that judges."""
    if asked.mode not in JUDGING:
        raise ValueError(f"the mode is one of {', '.join(JUDGING)}")
    wanted = live_settings_pb2.LiveSettings(judging_mode=JUDGING[asked.mode])
    await client.administration.change_settings(wanted, ["judging_mode"], asked.reason)
    return [SOON if asked.mode in {"off", "default"} else NEEDS_MODEL]
