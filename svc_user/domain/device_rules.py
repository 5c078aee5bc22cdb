"""How many devices of a user may be logged in at once, and who has to make room for a new one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from svc_user.domain.session import Session


class Policy(StrEnum):
    """Which devices of a user may be logged in beside each other: a setting of the installation."""

    ALL = "all"
    ONE_PER_PLATFORM = "one-per-platform"
    ONE_PER_KIND = "one-per-kind"
    """One phone or tablet, one desktop, one browser, one program without a screen."""
    NEWEST_ONLY = "newest-only"


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """The policy, and limits that hold besides; the device unseen for longest makes room."""

    policy: Policy = Policy.ALL
    per_platform: int = 5
    per_user: int = 20


KINDS: Final = {1: "phone", 2: "phone", 3: "browser", 4: "desktop", 5: "desktop", 6: "desktop", 7: "program"}
"""Kinds of devices by the platforms of the contract."""


def displaced(rules: DeviceRules, live: Sequence[Session], newcomer: Session) -> list[Session]:
    """The sessions that a new one ends: that of its own device, and those that the rules leave no room for."""
    gone = [one for one in live if one.device_id == newcomer.device_id]
    others = [one for one in live if one.device_id != newcomer.device_id]
    for limit, rival in _limits(rules, newcomer):
        rivals = sorted(filter(rival, others), key=lambda one: one.last_seen_at_ms, reverse=True)
        leaving = rivals[max(limit - 1, 0) :]
        gone += leaving
        others = [one for one in others if one not in leaving]
    return gone


def _limits(rules: DeviceRules, newcomer: Session) -> list[tuple[int, Callable[[Session], bool]]]:
    """How many there may be, the newcomer counted, of those who are like it in some way."""
    limits: list[tuple[int, Callable[[Session], bool]]] = [
        (rules.per_platform, lambda one: one.device.platform == newcomer.device.platform),
        (rules.per_user, lambda _: True),
    ]
    match rules.policy:
        case Policy.ONE_PER_PLATFORM:
            limits.append((1, lambda one: one.device.platform == newcomer.device.platform))
        case Policy.ONE_PER_KIND:
            limits.append((1, lambda one: _kind(one) == _kind(newcomer)))
        case Policy.NEWEST_ONLY:
            limits.append((1, lambda _: True))
    return limits


def _kind(session: Session) -> str:
    return KINDS.get(session.device.platform, "")
